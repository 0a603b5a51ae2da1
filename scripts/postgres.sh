# A PostgreSQL of the tests' own: temporary, on a free loopback port, without fsync. Sourced after house.sh.
postgres_folder=""

# Prints the folder that holds initdb and pg_ctl of one version; Debian keeps them out of the PATH.
postgres_bin() {
    local folder newest=""
    # shellcheck disable=SC2012 # the names are version numbers
    newest="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -1)" || true
    for folder in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" "$newest" \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then echo "$folder"; return 0; fi
    done
    return 1
}

ensure_postgres() {
    if [ -n "${USHER_TEST_DATABASE_URL:-}" ] || postgres_bin >/dev/null; then return; fi
    install_packages PostgreSQL postgresql postgresql@17
    postgres_bin >/dev/null || fail "PostgreSQL was installed, but initdb was not found." "Put its bin folder into PATH, then run this again."
}

postgres_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

# PostgreSQL refuses to run as root: then it runs as the user postgres, or as nobody where there is none.
as_postgres() {
    local user
    if [ "$(id -u)" -ne 0 ]; then "$@"; return; fi
    user="$(postgres_user)"
    if command -v runuser >/dev/null; then (cd / && runuser -u "$user" -- "$@")
    else (cd / && su -s /bin/sh "$user" -c 'exec "$0" "$@"' -- "$@"); fi
}

free_port() {
    local port tried
    for tried in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + (RANDOM * 32768 + RANDOM + tried) % 40000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
    fail "no free loopback port was found in ten tries."
}

# Sets USHER_TEST_DATABASE_URL; a server named there already is used as it is.
postgres_start() {
    if [ -n "${USHER_TEST_DATABASE_URL:-}" ]; then say "Using the PostgreSQL of USHER_TEST_DATABASE_URL."; return; fi
    local bin port
    bin="$(postgres_bin)"
    postgres_folder="$(mktemp -d "${TMPDIR:-/tmp}/usher-postgres.XXXXXX")"
    if [ "$(id -u)" -eq 0 ]; then chown "$(postgres_user)" "$postgres_folder"; fi
    as_postgres "$bin/initdb" -D "$postgres_folder/db" -U usher --auth=trust -E UTF8 --locale=C --no-sync >"$postgres_folder.log" 2>&1 ||
        { cat "$postgres_folder.log" >&2; fail "initdb failed."; }
    for _ in 1 2 3; do
        port="$(free_port)"
        # The tests want the semantics of PostgreSQL, not its durability: nothing here outlives the run.
        if as_postgres "$bin/pg_ctl" -D "$postgres_folder/db" -l "$postgres_folder/server.log" -w -t 60 start \
            -o "-h 127.0.0.1 -p $port -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300" \
            >"$postgres_folder.log" 2>&1; then
            export USHER_TEST_DATABASE_URL="postgres://usher@127.0.0.1:$port/postgres"
            say "$("$bin/postgres" --version) on 127.0.0.1:$port"
            return
        fi
    done
    cat "$postgres_folder.log" "$postgres_folder/server.log" >&2 || true
    fail "PostgreSQL did not start."
}

# Ends the server started here by the process id it wrote itself, and no other.
postgres_stop() {
    [ -n "$postgres_folder" ] || return 0
    local pid="" waited=0
    if [ -f "$postgres_folder/db/postmaster.pid" ]; then pid="$(head -1 "$postgres_folder/db/postmaster.pid")"; fi
    if [ -n "$pid" ]; then
        kill -INT "$pid" 2>/dev/null || true
        while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 100 ]; do sleep 0.1; waited=$((waited + 1)); done
    fi
    rm -rf "$postgres_folder" "$postgres_folder.log"
    postgres_folder=""
}
