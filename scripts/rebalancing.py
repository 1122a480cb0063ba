#!/usr/bin/python3
"""Reports how partitions move while `messaging` is scaled. Used by lib/messaging.sh.

`rebalancing.py before <config ports>` prints the number of moves so far.

`rebalancing.py after <n> <started> <moves before> <config ports> <messaging ports>` waits up to 60 s until the
partitions are spread over n instances, then prints the number of moves, the time they took, and the connections
of each instance. `started` is a Unix time in seconds.

Ports are the management ports of all instances, separated by commas.
"""
import json
import sys
import time
import urllib.request

TIME_LIMIT = 60  # seconds


def metrics(port):
    """Returns the unlabelled metrics of an instance by name; none if the instance does not answer within 2 s."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as response:
            lines = response.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs if "{" not in name}


def routing_metrics(ports):
    """Returns the metrics of the leading instance of config, with the moves that all instances have counted."""
    instances = [metrics(port) for port in ports]
    leader = next((instance for instance in instances if instance.get("martlet_routing_leads")), {})
    return dict(leader, moves=sum(instance.get("martlet_routing_moves_total", 0) for instance in instances))


def is_settled(routing, wanted):
    return (
        routing.get("martlet_routing_members") == wanted and routing.get("martlet_routing_handovers") == 0
        and routing.get("martlet_routing_partitions_unserved") == 0)


def main():
    if sys.argv[1] == "before":
        return print(json.dumps(routing_metrics(sys.argv[2].split(","))["moves"]))
    wanted, started, moves_before = int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
    config_ports, messaging_ports = sys.argv[5].split(","), sys.argv[6].split(",")
    while not is_settled(routing := routing_metrics(config_ports), wanted) and time.time() - started < TIME_LIMIT:
        time.sleep(0.1)
    seconds = time.time() - started
    outcome = "spread" if is_settled(routing, wanted) else "NOT yet spread"
    print(f"{routing['moves'] - moves_before:.0f} partitions moved; {outcome} over {wanted} instances after {seconds:.1f} s")
    for number, port in enumerate(messaging_ports, 1):
        instance = metrics(port)
        print(
            f"  messaging-{number}: {instance.get('martlet_socket_connections', 0):.0f} connections, "
            f"{instance.get('martlet_socket_moved_total', 0):.0f} redirected to other instances since its start")


main()
