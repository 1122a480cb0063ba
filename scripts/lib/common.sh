# Sourced by every script: strict mode, messages, and a few words for waiting.
set -euo pipefail
shopt -s inherit_errexit nullglob
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

log() { printf '%s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# wait_until <seconds> <command…>: true as soon as the command is, false when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# Whether something accepts connections on a loopback port.
is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# secret <name>: prints it, made up at the first call. Only the owner of the stack may read the file.
secret() {
    [[ -s secrets/$1 ]] || (umask 077 && mkdir -p secrets && openssl rand -hex 24 >"secrets/$1")
    cat "secrets/$1"
}

# stop_stacks <directory>: the stack in it, and those of tests below it.
stop_stacks() {
    local config
    for config in "$1"/config "$1"/*/config; do
        [[ ! -d $config ]] || "$repository/scripts/stack.sh" "${config%/config}" down
    done
}
