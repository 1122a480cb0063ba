# The environment of the tests: addresses and passwords of a stack. Tests/TestSupport reads it.

# Prints lines of `export MARTLET_TEST_<NAME>=<value>`.
test_environment() {
    local name
    {
        echo "STACK_DIRECTORY=$stack"
        echo "STACK_SCRIPT=$repository/scripts/stack.sh"
        echo "BIN=$(readlink -f bin)"
        echo "SECRETS=$stack/secrets"
        echo "DEFINITIONS_SCRIPT=$repository/scripts/definitions.py"
        echo "POSTGRES_HOST=127.0.0.1"
        echo "POSTGRES_PORT=$(port postgres)"
        echo "POSTGRES_DATABASE=martlet_test"
        echo "POSTGRES_USER=martlet_test"
        echo "POSTGRES_PASSWORD=$(secret postgres.martlet_test)"
        echo "PGBOUNCER_PORT=$(port pgbouncer)"
        echo "RABBITMQ_HOST=127.0.0.1"
        echo "RABBITMQ_PORT=$(port rabbitmq)"
        echo "RABBITMQ_TLS_PORT=$(port rabbitmq_tls)"
        echo "RABBITMQ_MANAGEMENT_PORT=$(port rabbitmq_management)"
        echo "RABBITMQ_USER=martlet_test"
        echo "RABBITMQ_PASSWORD=$(secret rabbitmq.martlet_test)"
        echo "REDIS_HOST=127.0.0.1"
        echo "REDIS_PORT=$(port redis)"
        echo "TLS_CA=$stack/tls/ca.pem"
        for name in $(service_names); do service_test_environment "$name"; done
    } | while IFS='=' read -r name value; do printf 'export MARTLET_TEST_%s=%q\n' "$name" "$value"; done
}

# service_test_environment <service>: the URLs of its first instance; nothing if the service is not running.
service_test_environment() {
    local name http _
    read -r name http _ < <(services | grep "^$1 ")
    [[ -n $(instances "$name") ]] || return 0
    [[ $http == - ]] || echo "${name^^}_URL=http://127.0.0.1:$(port "$name")"
    echo "${name^^}_MANAGEMENT_URL=http://127.0.0.1:$(port "${name}_management")"
}
