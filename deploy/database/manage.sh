#!/bin/sh
# The platform's database, as an administrator sees it.
# usage: manage.sh roles     make the roles and schemas, set the roles' passwords; again: sets the passwords again
#        manage.sh views     after the first migrations of all services
#        manage.sh backup    write everything, as of one instant, to standard output
#        manage.sh restore   read that from standard input into an empty database
#
# psql finds the server by the usual variables (PGHOST, PGDATABASE, PGUSER, PGPASSWORD or PGPASSWORD_FILE …).
# PASSWORDS names a directory with one file per role: huntaze_video, huntaze_video_owner, …
set -eu
cd "$(dirname "$0")"
[ -z "${PGPASSWORD_FILE:-}" ] || { PGPASSWORD=$(cat "$PGPASSWORD_FILE"); export PGPASSWORD; }
run() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }

roles() {
    run --single-transaction --file 0001_roles.sql --file 0002_schemas.sql
    for service in video trends data alerts; do
        for role in "huntaze_$service" "huntaze_${service}_owner"; do
            # From standard input: an argument would show in the list of processes.
            printf '\\set password `cat "%s/%s"`\nALTER ROLE %s PASSWORD :'\''password'\'';\n' \
                "$PASSWORDS" "$role" "$role" | run
        done
    done
}

case ${1:-} in
    roles) roles ;;
    views) run --file 0003_ops_read.sql ;;
    backup) exec pg_dump --format=custom ;;
    restore)
        # Roles and what they may do with the database itself are the server's, not the back-up's.
        run --single-transaction --file 0001_roles.sql
        pg_restore --exit-on-error --single-transaction --dbname="$PGDATABASE"
        roles
        ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
