# Martlet's services: their environment, their commands, their instances, and their readiness.

# program_name <service> <instance>: prints `chats` for the first instance, `chats-2` for the second.
program_name() { if (($2 == 1)); then echo "$1"; else echo "$1-$2"; fi; }

# service_environment <service> <instance>: prints lines of VARIABLE=value.
# An instance that is not a number is a command; it gets no ports.
service_environment() {
    local name http servers server _
    read -r name http _ _ servers _ < <(services | grep "^$1 ")
    echo "MARTLET_INSTANCE=$name-$2"
    echo "MARTLET_MANAGEMENT_HOST=127.0.0.1"
    if [[ $2 == [0-9]* ]]; then
        echo "MARTLET_MANAGEMENT_PORT=$(port "${name}_management" "$2")"
        [[ $http == - ]] || printf '%s\n' MARTLET_HTTP_HOST=127.0.0.1 "MARTLET_HTTP_PORT=$(port "$name" "$2")"
    fi
    # Encrypts the signing keys in the database.
    [[ $name != users ]] || echo "MARTLET_USERS_SIGNING_SECRET=$(secret users.signing)"
    [[ $servers != - ]] || servers=
    for server in rabbitmq ${servers//,/ }; do
        echo "MARTLET_${server^^}_HOST=127.0.0.1"
        echo "MARTLET_${server^^}_PORT=$(port "$server")"
        echo "MARTLET_${server^^}_USER=$name"
        echo "MARTLET_${server^^}_PASSWORD=$(secret "$server.$name")"
        case $server in
        rabbitmq) echo MARTLET_RABBITMQ_VHOST=martlet ;;
        postgres) echo MARTLET_POSTGRES_DATABASE=martlet ;;
        redis) echo "MARTLET_REDIS_PREFIX=$name:" ;;
        esac
    done
}

# exec_service <service> <instance> [arguments…]: replaces this process with the service.
exec_service() {
    local environment name _
    mapfile -t environment < <(service_environment "$1" "$2")
    # A service logs every MARTLET_* variable that it does not know. Unset those that only the scripts read.
    unset MARTLET_BIN MARTLET_STACK_KIND MARTLET_REDIS_MEMORY "${!MARTLET_TEST_@}"
    while read -r name _; do unset "$(port_variable "$name")"; done < <(listeners && test_listeners)
    # Printing a backtrace would keep a crashed process and its connections alive for about 15 s.
    export SWIFT_BACKTRACE=${SWIFT_BACKTRACE:-enable=no}
    export "${environment[@]}"
    exec "bin/$1" "${@:3}"
}

# service_command <service> <command…>: runs one command of a service, such as `chats dead-letters list`.
service_command() {
    is_service "${1:-}" || die "service must be one of: $(service_names | xargs)"
    exec_service "$1" "command-$$" "${@:2}"
}

is_service() { service_names | grep -qFx -- "$1"; }

add_instance() { configure_program "$(program_name "$1" "$2")" 20 TERM "$1 $2"; }
remove_instance() { rm -f "config/programs/$(program_name "$1" "$2").conf" "run/$(program_name "$1" "$2").pid"; }

# instances <service>: prints the numbers of the configured instances.
instances() {
    local instance
    for instance in {1..20}; do
        if [[ -f config/programs/$(program_name "$1" "$instance").conf ]]; then echo "$instance"; fi
    done
}

is_ready() { curl --silent --fail --max-time 2 "http://127.0.0.1:$(port "$1_management" "$2")/readyz"; }

# wait_ready <service> <instance>: waits up to 120 s, then fails and prints the end of the log.
wait_ready() {
    local name
    name=$(program_name "$1" "$2")
    wait_until 120 is_ready "$1" "$2" && return
    log "$name is not ready after 120 s. The end of $stack/log/$name.log:"
    tail -n 20 "log/$name.log" >&2 || true
    die "$name is not ready; for details run: curl http://127.0.0.1:$(port "$1_management" "$2")/healthz"
}
