#!/usr/bin/env bash
# Installs Debian packages, as root, without a question and without starting or enabling their servers.
set -euo pipefail
exec 9>/run/lock/martlet-install
flock 9

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
ours=()
clean_up() { ((${#ours[@]} == 0)) || rm -f "${ours[@]}"; }
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# An existing file is somebody else's and stays as it is.
put() {
    [[ ! -e $1 ]] || return 0
    ours+=("$1")
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "${@:2}" >"$1"
}

put "$policy" '#!/bin/sh' 'exit 101 # no service may be started'
[[ ! " ${ours[*]} " == *" $policy "* ]] || chmod 0755 "$policy"
put "$clusters/martlet.conf" 'create_main_cluster = false'

# Units of the servers that start at boot.
enabled() {
    command -v systemctl >/dev/null || return 0
    systemctl list-unit-files --state=enabled --no-legend |
        grep -oE '^(rabbitmq-server|epmd|redis-server|postgresql|pgbouncer|supervisor)\.(service|socket)' | sort || true
}

enabled_before=$(enabled)
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=300 update
apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@" </dev/null >/dev/null
comm -13 <(echo "$enabled_before") <(enabled) | xargs --no-run-if-empty systemctl --quiet disable
