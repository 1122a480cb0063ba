# Sourced by every script: strict mode, messages, waiting, and secrets.
set -euo pipefail
shopt -s inherit_errexit nullglob
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# Prints a message to standard error; standard output is for results.
log() { printf '%s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# wait_until <seconds> <command…>: repeats the command until it succeeds. Fails when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# is_listening <port>: succeeds if a process accepts connections on this port of 127.0.0.1.
is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# secret <name>: prints a secret. The first call generates it. Only the owner of the stack can read the file.
secret() {
    [[ -s secrets/$1 ]] || (umask 077 && mkdir -p secrets && openssl rand -hex 24 >"secrets/$1")
    cat "secrets/$1"
}

# stop_stacks <directory>: stops the stack in the directory and the stacks of tests one level below.
stop_stacks() {
    local config
    for config in "$1"/config "$1"/*/config; do
        [[ ! -d $config ]] || "$repository/scripts/stack.sh" "${config%/config}" down
    done
}
