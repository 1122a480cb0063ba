# What scaling does to live connections, and a load that watches it.

management_ports() { # <service>: of its instances, separated by commas
    local instance ports=()
    for instance in $(instances "$1"); do ports+=("$(port "$1_management" "$instance")"); done
    (
        IFS=,
        echo "${ports[*]}"
    )
}

bff_urls() {
    local instance
    for instance in $(instances bff); do echo "http://127.0.0.1:$(port bff "$instance")"; done
}

# scale_messaging <n>: like scaling anything, with a report; under load, and with what that saw, when $MARTLET_SCALE_LOAD says so.
scale_messaging() {
    local before started
    gate=
    if [[ -n ${MARTLET_SCALE_LOAD:-} ]]; then
        gate=$(mktemp -d)
        # Whatever goes wrong, the load ends.
        trap 'touch "$gate/end"' EXIT
        mapfile -t bff_urls < <(bff_urls)
        "$repository/Benchmarks/live.py" --gate "$gate" "${bff_urls[@]}" >"$gate/report" &
        wait_until 120 test -e "$gate/ready" || die "the load does not get started"
    fi
    before=$(scripts/rebalancing.py before "$(management_ports config)")
    started=$(date +%s.%N)
    scale_service messaging "$1"
    (($1 == 0)) || scripts/rebalancing.py after "$1" "$started" "$before" "$(management_ports config)" "$(management_ports messaging)"
    [[ -n $gate ]] || return 0
    sleep 2 # for those who were the last to move
    touch "$gate/end"
    wait
    cat "$gate/report"
    trap - EXIT
    rm -r "$gate"
}
