# Which ports a stack has. They are chosen when it starts and kept in config/settings, so that later commands
# find the same. The stack of `make run` takes them from the environment; any other looks for free ones.

services() { grep -v '^#' "$repository/scripts/services"; }
service_names() { services | cut -d' ' -f1; }

# Lines of `<name> <default port>`; the variable that changes it is MARTLET_<NAME>_PORT.
listeners() {
    printf '%s\n' 'postgres 55432' 'rabbitmq 55672' 'rabbitmq_distribution 55671' 'epmd 55670' 'redis 56379'
    local name http management _
    while read -r name http management _; do
        [[ $http == - ]] || echo "$name $http"
        echo "${name}_management $management"
    done < <(services)
}

# What only the tests' servers have: the broker's management API and TLS, and a PgBouncer.
test_listeners() { printf '%s\n' rabbitmq_management rabbitmq_tls pgbouncer; }

port_variable() { echo "MARTLET_${1^^}_PORT"; }

# port <name> [instance]: instance k of a service listens 100·(k−1) above the first.
port() {
    local variable
    variable=$(port_variable "$1")
    echo $((${!variable} + 100 * (${2:-1} - 1)))
}

choose_settings() {
    mkdir -p config
    if [[ $stack == "$repository/.local" ]]; then settings_from_environment; else settings_with_free_ports; fi >config/settings
}

load_settings() {
    [[ -s config/settings ]] || die "there is no stack in $stack; start it first"
    # shellcheck disable=SC1091
    . config/settings
}

settings_from_environment() {
    local name default variable
    echo "kind=local"
    while read -r name default; do
        variable=$(port_variable "$name")
        [[ ${!variable:-$default} =~ ^[0-9]{1,5}$ ]] || die "$variable is not a port: ${!variable}"
        echo "$variable=${!variable:-$default}"
    done < <(listeners)
}

# Below the range that the kernel hands out for outgoing connections: a server that was killed finds its port free.
# Blocks of 500 leave room for instances; counting from the process id keeps stacks that start together apart.
settings_with_free_ports() {
    local block base try
    for try in {0..39}; do
        block=$((($$ + try) % 40))
        base=$((10000 + 500 * block))
        if block_is_free "$base"; then
            settings_from_first_port "$base"
            return
        fi
    done
    die "no free ports between 10000 and 30000"
}

block_is_free() {
    local port
    for port in $(seq "$1" $(($1 + 20))); do
        ! is_listening "$port" || return 1
    done
}

settings_from_first_port() {
    local next=$1 name
    echo "kind=${MARTLET_STACK_KIND:-test}"
    while read -r name _; do
        echo "$(port_variable "$name")=$((next++))"
    done < <(listeners && test_listeners)
}

# Names every port that somebody else has, with the variable that moves it.
check_ports() { check_listeners 1 < <(listeners); }
check_instance_ports() { check_listeners "$2" < <(listeners | grep -E "^$1(_management)? "); } # <service> <instance>

check_listeners() {
    local name taken=''
    while read -r name _; do
        if is_listening "$(port "$name" "$1")"; then
            taken+=$'\n'"  ${name//_/ }: port $(port "$name" "$1") is taken; set $(port_variable "$name") to another"
        fi
    done
    [[ -z $taken ]] || die "cannot start:$taken"
}
