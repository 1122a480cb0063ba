#!/usr/bin/env bash
# Installs the Debian packages named by its arguments. Needs root, never prompts, and neither starts nor
# enables the servers that the packages contain.
set -euo pipefail
exec 9>/run/lock/martlet-install
flock 9

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
created=()
clean_up() { ((${#created[@]} == 0)) || rm -f "${created[@]}"; }
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# create_if_missing <path> <line>…: writes a file that is removed at exit. An existing file stays unchanged.
create_if_missing() {
    [[ ! -e $1 ]] || return 0
    created+=("$1")
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "${@:2}" >"$1"
}

create_if_missing "$policy" '#!/bin/sh' 'exit 101 # no service may be started'
[[ ! " ${created[*]} " == *" $policy "* ]] || chmod 0755 "$policy"
create_if_missing "$clusters/martlet.conf" 'create_main_cluster = false'

# Prints the enabled systemd units of the servers that the packages contain.
enabled_server_units() {
    command -v systemctl >/dev/null || return 0
    systemctl list-unit-files --state=enabled --no-legend |
        grep -oE '^(rabbitmq-server|epmd|redis-server|postgresql|pgbouncer|supervisor)\.(service|socket)' | sort || true
}

enabled_before=$(enabled_server_units)
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update
apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@" </dev/null >/dev/null
comm -13 <(echo "$enabled_before") <(enabled_server_units) | xargs --no-run-if-empty systemctl --quiet disable
