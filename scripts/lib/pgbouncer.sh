# PgBouncer in transaction mode. Runs in stacks of kind `test` only. Like Postgres, it refuses to run as root.

prepare_pgbouncer() {
    install -d -o "$(system_user)" -m 0700 data/pgbouncer
    pgbouncer_configuration >data/pgbouncer/pgbouncer.ini
    pgbouncer_users >data/pgbouncer/users.txt
    chown "$(system_user)" data/pgbouncer/*
    chmod 0600 data/pgbouncer/*
}

pgbouncer_configuration() {
    cat <<-EOF
	[databases]
	* = host=127.0.0.1 port=$(port postgres)
	[pgbouncer]
	listen_addr = 127.0.0.1
	listen_port = $(port pgbouncer)
	unix_socket_dir =
	auth_type = scram-sha-256
	auth_file = /proc/self/fd/9/users.txt
	pool_mode = transaction
	default_pool_size = 4
	max_client_conn = 500
	ignore_startup_parameters = extra_float_digits
	EOF
}

pgbouncer_users() {
    local service
    echo "\"martlet_test\" \"$(secret postgres.martlet_test)\""
    for service in $(service_names); do echo "\"$service\" \"$(secret "postgres.$service")\""; done
}

run_pgbouncer() { as_system_user pgbouncer --quiet /proc/self/fd/9/pgbouncer.ini 9<data/pgbouncer; }
