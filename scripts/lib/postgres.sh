# Postgres: one database, one role and schema per service.
#
# Postgres refuses to run as root. If the scripts run as root, the server runs as the user `postgres`, who may
# lack access to the path of the stack. So the scripts open the data directory as descriptor 9 and pass it on:
# /proc/self/fd/9 is that directory in the server and in every process that it forks. The server starts in /,
# because it must be able to return to its initial working directory.

postgres_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
# Prints the name of the user that Postgres and PgBouncer run as.
system_user() { if ((EUID == 0)); then echo postgres; else id -un; fi; }

# as_system_user <command…>: replaces this process with the command, run as that user.
as_system_user() {
    if ((EUID == 0)); then exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else exec "$@"; fi
}

prepare_postgres() {
    [[ -d data/postgres ]] || create_cluster
    if [[ $kind == test ]]; then
        install -o "$(system_user)" -m 0600 tls/server.key tls/server.pem data/postgres/
    fi
    postgres_configuration >data/postgres/postgresql.conf
}

# Initialises the cluster under a temporary name, so that an interrupted start leaves no incomplete cluster.
create_cluster() {
    local password_file
    rm -rf data/postgres.new
    mkdir -p data
    install -d -o "$(system_user)" -m 0700 data/postgres.new
    password_file=$(mktemp)
    secret postgres.postgres >"$password_file"
    chown "$(system_user)" "$password_file"
    (
        cd /
        as_system_user "$postgres_bin/initdb" -D /proc/self/fd/9 --username=postgres --pwfile="$password_file" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums
    ) 9<data/postgres.new >log/initdb.log 2>&1 || die "initdb failed; see $stack/log/initdb.log"
    rm -f "$password_file"
    mv data/postgres.new data/postgres
}

postgres_configuration() {
    cat <<-EOF
	listen_addresses = '127.0.0.1'
	port = $(port postgres)
	unix_socket_directories = ''
	max_connections = 300
	shared_buffers = 256MB
	max_wal_size = 1GB
	fsync = on
	full_page_writes = on
	synchronous_commit = on
	log_line_prefix = '%m [%p] %u@%d '
	timezone = 'UTC'
	EOF
    if [[ $kind == test ]]; then printf '%s\n' 'ssl = on' "ssl_cert_file = 'server.pem'" "ssl_key_file = 'server.key'"; fi
}

run_postgres() {
    exec 9<data/postgres
    cd /
    as_system_user "$postgres_bin/postgres" -D /proc/self/fd/9
}

# sql <database> [psql options]: runs psql as the superuser.
sql() {
    PGPASSWORD=$(secret postgres.postgres) psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --host 127.0.0.1 --port "$(port postgres)" --username postgres --dbname "$@"
}

postgres_is_ready() { sql postgres --command 'SELECT 1'; }

# Creates the database, extensions, roles and schemas. Repeating it is safe.
bootstrap_postgres() {
    local service _ servers
    sql postgres --file scripts/sql/database.sql >/dev/null
    while read -r service _ _ _ servers _; do
        [[ $servers == *postgres* ]] || continue
        password=$(secret "postgres.$service") sql martlet --set service="$service" --file scripts/sql/service.sql >/dev/null
    done < <(services)
    [[ $kind != test ]] || password=$(secret postgres.martlet_test) sql postgres --file scripts/sql/test.sql >/dev/null
}
