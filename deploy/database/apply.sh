#!/bin/sh
# Make the roles and schemas, and set the roles' passwords; running it again changes nothing but the passwords.
# usage: apply.sh              before the first migrations, and after a change of passwords
#        apply.sh views        after the migrations
#
# psql finds the server by the usual variables (PGHOST, PGDATABASE, PGUSER, PGPASSWORD …), as an administrator.
# PASSWORDS names a directory with one file per role: huntaze_video, huntaze_video_owner, …
set -eu
cd "$(dirname "$0")"
[ -z "${PGPASSWORD_FILE:-}" ] || { PGPASSWORD=$(cat "$PGPASSWORD_FILE"); export PGPASSWORD; }
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }
case ${1:-roles} in
    roles)
        run --single-transaction --file 0001_roles.sql --file 0002_schemas.sql
        for service in video trends data alerts; do
            for role in "huntaze_$service" "huntaze_${service}_owner"; do
                # From standard input: an argument would show in the list of processes.
                printf '\\set password `cat "%s/%s"`\nALTER ROLE %s PASSWORD :'\''password'\'';\n' \
                    "$PASSWORDS" "$role" "$role" | run
            done
        done
        ;;
    views) run --file 0003_ops_read.sql ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
