# RabbitMQ: one node and one port mapper (epmd) per stack, both on loopback.
# The node loads users, permissions and exchanges from a definitions file at every boot.
# The user `guest` does not exist.

prepare_rabbitmq() {
    local administrators=(operator)
    [[ $kind != test ]] || administrators+=(martlet_test)
    mkdir -p data/rabbitmq
    secret rabbitmq.operator >/dev/null
    rabbitmq_plugins >config/enabled_plugins
    rabbitmq_configuration >config/rabbitmq.conf
    (umask 077 && scripts/definitions.py martlet --secrets secrets --administrators "${administrators[@]}" >config/definitions.json)
}

rabbitmq_plugins() { if [[ $kind == test ]]; then echo '[rabbitmq_management].'; else echo '[].'; fi; }

rabbitmq_configuration() {
    cat <<-EOF
	listeners.tcp.loopback = 127.0.0.1:$(port rabbitmq)
	load_definitions = config/definitions.json
	raft.wal_max_size_bytes = 67108864
	log.console = true
	log.console.level = info
	log.console.use_colors = off
	log.file = false
	EOF
    [[ $kind == test ]] || return 0
    cat <<-EOF
	management.tcp.ip = 127.0.0.1
	management.tcp.port = $(port rabbitmq_management)
	listeners.ssl.loopback = 127.0.0.1:$(port rabbitmq_tls)
	ssl_options.cacertfile = tls/ca.pem
	ssl_options.certfile = tls/server.pem
	ssl_options.keyfile = tls/server.key
	EOF
}

rabbitmq_environment() {
    export HOME=$stack/data/rabbitmq # the node and rabbitmqctl find the Erlang cookie here
    export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT RABBITMQ_DIST_PORT ERL_CRASH_DUMP_SECONDS=0
    ERL_EPMD_PORT=$(port epmd)
    RABBITMQ_DIST_PORT=$(port rabbitmq_distribution)
    export RABBITMQ_NODENAME=martlet@localhost
    export RABBITMQ_CONF_ENV_FILE=/dev/null # ignores /etc/rabbitmq
    export RABBITMQ_CONFIG_FILE=config/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=config/enabled_plugins
    export RABBITMQ_MNESIA_BASE=data/rabbitmq RABBITMQ_LOG_BASE=$stack/log
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    export RABBITMQ_CTL_ERL_ARGS=$RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS
}

run_epmd() { exec epmd -port "$(port epmd)" -address 127.0.0.1; }

# Waits for epmd: a node that finds none starts one that outlives the stack. With RUNNING_UNDER_SYSTEMD the
# start script replaces itself with the node instead of staying its parent, so that signals reach the node.
run_rabbitmq() {
    wait_until 30 is_listening "$(port epmd)" || die "epmd did not start within 30 s"
    rabbitmq_environment
    export RUNNING_UNDER_SYSTEMD=true
    exec /usr/lib/rabbitmq/bin/rabbitmq-server
}

rabbitmqctl() (
    rabbitmq_environment
    /usr/lib/rabbitmq/bin/rabbitmqctl "$@"
)

integration() {
    STACK_SCRIPT=$repository/scripts/stack.sh STACK_DIRECTORY=$stack \
        RABBITMQ_PORT=$(port rabbitmq) OPERATOR_PASSWORD=$(secret rabbitmq.operator) scripts/integration.py "$@"
}
