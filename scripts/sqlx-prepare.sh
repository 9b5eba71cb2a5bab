#!/usr/bin/env bash
# Writes .sqlx/, what the checked queries need to build without a database: it starts a throw-away Postgres,
# applies migrations/ in order and compiles against it.
#
#   scripts/sqlx-prepare.sh            rewrites .sqlx/
#   scripts/sqlx-prepare.sh --check    changes nothing and fails if .sqlx/ is not what it would write
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$ROOT"

mode=${1:-write}
case $mode in
    write | --check) ;;
    *) die "unknown option '$mode': nothing or --check" ;;
esac

bin=$(postgres_bin)
[ -n "$bin" ] || die "no Postgres server found: run scripts/setup.sh postgres"

# Postgres refuses to run as root; Debian's package brings the user "postgres".
as_server=()
if [ "$(id -u)" -eq 0 ]; then
    as_server=(setpriv --reuid postgres --regid postgres --clear-groups)
fi

scratch=$(mktemp -d /tmp/sallyport-sqlx.XXXXXX)
pgdata=$scratch/pgdata
mkdir "$pgdata"
if [ "$(id -u)" -eq 0 ]; then
    chmod 0711 "$scratch"
    chown postgres:postgres "$pgdata"
fi

stop() {
    (cd / && "${as_server[@]}" "$bin/pg_ctl" -D "$pgdata" -m immediate stop) >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT TERM

cd /
quietly "${as_server[@]}" "$bin/initdb" -D "$pgdata" -U postgres --auth=trust --no-sync --encoding=UTF8 --locale=C
quietly "${as_server[@]}" "$bin/pg_ctl" -D "$pgdata" -l "$pgdata/log" -w \
    -o "-c listen_addresses= -c unix_socket_directories=$pgdata -c fsync=off" start \
    || die "the throw-away Postgres did not start"
cd "$ROOT"

run_sql() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$pgdata" "$@"; }
run_sql -U postgres -d postgres -f scripts/roles.sql
run_sql -U postgres -d postgres -c "create database sallyport owner sallyport_owner"
# sqlx makes its own table before the first migration, and migrations may grant rights on it.
run_sql -U sallyport_owner -d sallyport -c "create table _sqlx_migrations (
    version bigint primary key, description text not null, installed_on timestamptz not null default now(),
    success boolean not null, checksum bytea not null, execution_time bigint not null)"
for migration in migrations/*.sql; do
    [ -e "$migration" ] || continue
    run_sql -U sallyport_owner -d sallyport -1 -f "$migration" || die "$migration does not apply"
done

# The macros write their files when they are expanded, so the crates must be compiled again: hence the touch.
fresh=$TARGET/sqlx-fresh
rm -rf "$fresh"
mkdir -p "$fresh"
touch src/lib.rs src/main.rs tests/it/main.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh DATABASE_URL="postgres://postgres@localhost/sallyport?host=$pgdata" \
    cargo check --quiet --all-targets

if [ "$mode" = --check ]; then
    mkdir -p "$scratch/none"
    diff -r -q "$fresh" "$([ -d .sqlx ] && echo .sqlx || echo "$scratch/none")" \
        || die ".sqlx/ does not match the queries or the migrations: run scripts/sqlx-prepare.sh and commit .sqlx/"
    say ".sqlx/ matches ($(find "$fresh" -name '*.json' | wc -l) queries)"
else
    rm -rf .sqlx
    mkdir .sqlx
    find "$fresh" -name '*.json' -exec cp {} .sqlx/ \;
    say "wrote $(find .sqlx -name '*.json' | wc -l) queries to .sqlx/"
fi
