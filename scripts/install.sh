#!/usr/bin/env bash
# Installs the system packages that are missing. Arguments name further packages.
# Starts none of the servers in them: a stack runs server processes of its own.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

packages=(
    librabbitmq-dev libhiredis-dev libpq-dev libsodium-dev zlib1g-dev pkg-config
    rabbitmq-server redis-server postgresql pgbouncer supervisor
    python3-pika python3-websockets python3-yaml python3-jsonschema curl jq openssl ca-certificates "$@"
)

installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

command -v swift >/dev/null || die "the Swift toolchain is missing; install it from https://www.swift.org/install"
command -v apt-get >/dev/null || die "apt-get is missing; install the equivalents of these Debian packages: ${packages[*]}"

missing=()
for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
((${#missing[@]})) || exit 0

log "Installing ${missing[*]}"
if ((EUID == 0)); then as_root=(); else as_root=(sudo); fi
"${as_root[@]}" bash "$repository/scripts/apt-install.sh" "${missing[@]}"
