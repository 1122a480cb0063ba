#!/usr/bin/env bash
# Manages one stack: servers and services that run in a directory of their own.
# Usage: `stack.sh <directory> <command> …`
#   check                              list the ports that are in use, and fail if there are any
#   up                                 start the servers, then every service that is built in $MARTLET_BIN
#   down                               stop all services and servers
#   stop <program>, start <program>    stop or start one program, such as redis or chats-2
#   scale <service> <n>                run n instances of a service, 0 to 20
#   env                                print lines of `export NAME=value` for the tests
#   environment <service> [instance]   print the environment of a service, passwords included
#   service <service> <command> …      run a command of a service, such as `service users migrate`
#   rabbitmqctl …                      run rabbitmqctl against the broker of the stack
#   integration …                      manage a queue for an external program; see integration.py
#
# MARTLET_BIN is the directory of the service binaries. It defaults to the release build.
#
# A stack in .local is of kind `local` and uses fixed ports. Any other stack uses free ports and is of kind
# `test`: it adds PgBouncer, TLS, the broker's management API and an administrator for tests.
# MARTLET_STACK_KIND=local leaves these additions out.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for library in settings tls supervisor postgres pgbouncer rabbitmq redis service messaging test; do
    . "$repository/scripts/lib/$library.sh"
done

directory=${1:-} command=${2:-}
[[ -n $command ]] || die "usage: stack.sh <directory> <command>; the head of scripts/stack.sh lists the commands"
shift 2
mkdir -p "$directory"
stack=$(cd "$directory" && pwd -P)
binaries=${MARTLET_BIN:-$repository/.build/release}
cd "$stack"
chmod 0700 .

main() {
    case $command in up | down | stop | start | scale) acquire_lock ;; esac
    case $command in
    check | up | down | stop | start | scale | env | environment) "stack_$command" "$@" ;;
    rabbitmqctl) load_settings && rabbitmqctl "$@" ;;
    integration) load_settings && integration "$@" ;;
    service) load_settings && service_command "$@" ;;
    *) die "unknown command: $command" ;;
    esac
}

# Allows one command at a time: `down` waits until a running `up` has finished.
# Servers do not inherit the lock.
acquire_lock() {
    exec 7>>lock
    flock --timeout 300 7 || die "another command still holds the lock of $stack after 300 s; try again when it has finished"
}

stack_check() {
    is_running supervisor && return
    kill_leftovers
    choose_settings
    load_settings
    check_ports
}

stack_up() {
    if is_running supervisor; then
        load_settings
        log "The stack is already running."
        restart_changed_services
    else
        stack_check
        prepare
        start_servers
    fi
    start_services
}

prepare() {
    mkdir -p log
    ln -sfn "$repository/scripts" scripts
    ln -sfn "$binaries" bin
    prepare_tls
    prepare_postgres
    prepare_rabbitmq
    prepare_redis
    [[ $kind != test ]] || prepare_pgbouncer
}

start_servers() {
    start_supervisor
    configure_program epmd 1 TERM epmd
    configure_program postgres 10 INT postgres
    configure_program redis 10 TERM redis
    configure_program rabbitmq 10 TERM rabbitmq
    [[ $kind != test ]] || configure_program pgbouncer 15 INT pgbouncer
    apply_programs
    wait_for_server postgres postgres_is_ready
    bootstrap_postgres
    wait_for_server redis redis_is_ready
    wait_for_server rabbitmq is_listening "$(port rabbitmq)"
    [[ $kind != test ]] || wait_for_server pgbouncer is_listening "$(port pgbouncer)"
}

# wait_for_server <server> <command…>: waits up to 120 s until the command succeeds.
wait_for_server() {
    local name=$1
    shift
    wait_until 120 "$@" && return
    tail -n 20 "log/$name.log" >&2
    die "$name did not become ready within 120 s; see $stack/log/$name.log"
}

start_services() {
    local name instance
    for name in $(service_names); do
        if [[ -x bin/$name ]]; then add_instance "$name" 1; else log "Skipping $name: it is not built."; fi
    done
    apply_programs
    for name in $(service_names); do
        for instance in $(instances "$name"); do wait_ready "$name" "$instance"; done
    done
}

# Restarts the services whose binary is newer than their process.
restart_changed_services() {
    local name instance program
    for name in $(service_names); do
        for instance in $(instances "$name"); do
            program=$(program_name "$name" "$instance")
            [[ ! bin/$name -nt run/$program.pid ]] || supervisor restart "$program" >/dev/null
        done
    done
}

stack_down() { stop_supervisor; }

stack_stop() { supervisor stop "$@"; }
stack_start() { supervisor start "$@"; }

stack_scale() {
    local name=${1:-} wanted=${2:-}
    is_service "$name" || die "service must be one of: $(service_names | xargs)"
    [[ $wanted =~ ^([0-9]|1[0-9]|20)$ ]] || die "n must be a number from 0 to 20"
    is_running supervisor || die "the stack in $stack is not running; start it first"
    load_settings
    if [[ $name == messaging ]]; then scale_messaging "$wanted"; else scale_service "$name" "$wanted"; fi
}

scale_service() {
    local name=$1 wanted=$2 instance
    for ((instance = 1; instance <= wanted; instance++)); do
        [[ -f config/programs/$(program_name "$name" "$instance").conf ]] || check_instance_ports "$name" "$instance"
        add_instance "$name" "$instance"
    done
    for ((; instance <= 20; instance++)); do remove_instance "$name" "$instance"; done
    apply_programs
    for instance in $(instances "$name"); do wait_ready "$name" "$instance"; done
}

stack_env() { load_settings && test_environment; }

stack_environment() { load_settings && service_environment "$1" "${2:-1}"; }

main "$@"
