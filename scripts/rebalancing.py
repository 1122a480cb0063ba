#!/usr/bin/python3
"""What scaling did to live connections: `rebalancing.py before <config ports>` prints what is known now, `rebalancing.py after <n> <started> <what
before printed> <config ports> <messaging ports>` waits until users are spread over n instances and says what that took. Ports are those of
the management of each instance, separated by commas; `started` is the time at which it began, in seconds since 1970."""
import json
import sys
import time
import urllib.request


def metrics(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs if "{" not in name}


def routing(ports):
    """Of the instance of config that leads; each counts what it did itself."""
    all_of_them = [metrics(port) for port in ports]
    leader = next((one for one in all_of_them if one.get("martlet_routing_leads")), {})
    return dict(leader, moves=sum(one.get("martlet_routing_moves_total", 0) for one in all_of_them))


def is_settled(now, wanted):
    return (
        now.get("martlet_routing_members") == wanted and now.get("martlet_routing_handovers") == 0
        and now.get("martlet_routing_partitions_unserved") == 0)


def main():
    if sys.argv[1] == "before":
        return print(json.dumps(routing(sys.argv[2].split(","))["moves"]))
    wanted, started, before = int(sys.argv[2]), float(sys.argv[3]), json.loads(sys.argv[4])
    config, messaging = sys.argv[5].split(","), sys.argv[6].split(",")
    while not is_settled(now := routing(config), wanted) and time.time() - started < 60:
        time.sleep(0.1)
    took = time.time() - started
    print(f"{now['moves'] - before:.0f} partitions moved; {'spread' if is_settled(now, wanted) else 'NOT yet spread'} over {wanted} after {took:.1f} s")
    for number, port in enumerate(messaging, 1):
        one = metrics(port)
        print(
            f"  messaging-{number}: {one.get('martlet_socket_connections', 0):.0f} connections, "
            f"{one.get('martlet_socket_moved_total', 0):.0f} sent elsewhere since its start")


main()
