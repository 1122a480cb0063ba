# Scaling of `messaging`: reports how many partitions moved and, on request, what connected clients observed.

# management_ports <service>: prints the management ports of all its instances, separated by commas.
management_ports() {
    local instance ports=()
    for instance in $(instances "$1"); do ports+=("$(port "$1_management" "$instance")"); done
    (
        IFS=,
        echo "${ports[*]}"
    )
}

# Prints one line per instance of the bff: its base URL.
bff_urls() {
    local instance
    for instance in $(instances bff); do echo "http://127.0.0.1:$(port bff "$instance")"; done
}

# scale_messaging <n>: scales to n instances and prints how the partitions moved.
# If MARTLET_SCALE_LOAD is not empty, runs a load meanwhile and prints its report.
scale_messaging() {
    local before started urls
    gate= # global, because the trap reads it
    if [[ -n ${MARTLET_SCALE_LOAD:-} ]]; then
        gate=$(mktemp -d)
        # Stops the load even after an error.
        trap 'touch "$gate/end"' EXIT
        mapfile -t urls < <(bff_urls)
        "$repository/Benchmarks/live.py" --gate "$gate" "${urls[@]}" >"$gate/report" &
        wait_until 120 test -e "$gate/ready" || die "the load generator did not start within 120 s"
    fi
    before=$(scripts/rebalancing.py before "$(management_ports config)")
    started=$(date +%s.%N)
    scale_service messaging "$1"
    (($1 == 0)) || scripts/rebalancing.py after "$1" "$started" "$before" "$(management_ports config)" "$(management_ports messaging)"
    [[ -n $gate ]] || return 0
    sleep 2 # lets the clients that moved last reconnect
    touch "$gate/end"
    wait
    cat "$gate/report"
    trap - EXIT
    rm -r "$gate"
}
