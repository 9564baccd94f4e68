#!/bin/sh
# Make the secrets of the compose stack, one file each, unless they are there. usage: make-secrets.sh [DIRECTORY]
set -eu
directory=${1:-$(dirname "$0")/secrets}
# Containers run as another user, who gets single files mounted; the directory keeps everybody else out.
mkdir -p "$directory/passwords"
chmod 700 "$directory"
characters() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }
keep() { [ -s "$directory/$1" ] || printf '%s' "$2" >"$directory/$1"; chmod 644 "$directory/$1"; }

keep postgres_password "$(characters 40)"
keep admin_database_url "postgresql://postgres:$(cat "$directory/postgres_password")@postgres:5432/huntaze"
for service in video trends data alerts; do
    for role in "huntaze_$service" "huntaze_${service}_owner"; do keep "passwords/$role" "$(characters 40)"; done
    address() { printf 'postgresql://%s:%s@postgres:5432/huntaze' "$1" "$(cat "$directory/passwords/$1")"; }
    keep "${service}_database_url" "$(address "huntaze_$service")"
    keep "${service}_migration_database_url" "$(address "huntaze_${service}_owner")"
done
keep qstash_token "$(characters 48)"
keep qstash_current_signing_key "sig_$(characters 28)"
keep qstash_next_signing_key "sig_$(characters 28)"
keep objects_key_id "$(characters 20)"
keep objects_secret_key "$(characters 40)"
keep status_token_key "$(characters 48)"
# A Fernet key: 32 bytes in URL-safe base64.
keep channel_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
