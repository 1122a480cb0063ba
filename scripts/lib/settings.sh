# The ports of a stack. They are chosen when it starts and stored in config/settings for later commands.
# The stack in .local reads MARTLET_<NAME>_PORT or uses defaults. Any other stack uses free ports.

# Prints the rows of scripts/services.

services() { grep -v '^#' "$repository/scripts/services"; }
service_names() { services | cut -d' ' -f1; }

# Prints lines of `<name> <default port>`; the variable MARTLET_<NAME>_PORT overrides the default.
listeners() {
    printf '%s\n' 'postgres 55432' 'rabbitmq 55672' 'rabbitmq_distribution 55671' 'epmd 55670' 'redis 56379'
    local name http management _
    while read -r name http management _; do
        [[ $http == - ]] || echo "$name $http"
        echo "${name}_management $management"
    done < <(services)
}

# Prints the additional names of a stack of kind `test`.
test_listeners() { printf '%s\n' rabbitmq_management rabbitmq_tls pgbouncer; }

port_variable() { echo "MARTLET_${1^^}_PORT"; }

# port <name> [instance]: prints a port. Instance k of a service listens 100·(k−1) above the first.
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
    [[ -s config/settings ]] || die "the directory $stack contains no stack; start one first"
    # shellcheck disable=SC1091
    . config/settings
}

settings_from_environment() {
    local name default variable
    echo "kind=local"
    while read -r name default; do
        variable=$(port_variable "$name")
        [[ ${!variable:-$default} =~ ^[0-9]{1,5}$ ]] || die "$variable must be a port number, not ${!variable}"
        echo "$variable=${!variable:-$default}"
    done < <(listeners)
}

# Chooses ports below the kernel's range for outgoing connections: a restarted server finds its port free.
# A block of 500 ports leaves room for further instances. The search starts at a block derived from the
# process id, which keeps stacks apart that start at the same time.
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

# Fails if another process uses a port of the first instances.
check_ports() { check_listeners 1 < <(listeners); }
# check_instance_ports <service> <instance>: the same for one instance.
check_instance_ports() { check_listeners "$2" < <(listeners | grep -E "^$1(_management)? "); }

# check_listeners <instance>: reads lines of `<name> …` from standard input and fails if one of their ports is
# in use. The message names the variable that changes the port.
check_listeners() {
    local name used=''
    while read -r name _; do
        if is_listening "$(port "$name" "$1")"; then
            used+=$'\n'"  ${name//_/ }: port $(port "$name" "$1") is in use; set $(port_variable "$name") to another port"
        fi
    done
    [[ -z $used ]] || die "cannot start:$used"
}
