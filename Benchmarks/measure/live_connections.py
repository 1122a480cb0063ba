"""Live connections, beside a bare WebSocket server on NIO that only relays the texts that it receives."""
import contextlib
import resource
import time

from measure import figures, workload
from measure.cpu import ProcessorCosts, processor_seconds
from measure.http_api import free_port, wait_for
from measure.load_generator import connected
from measure.stack import log

FIGURES = [
    figures.IDLE, figures.IDLE_RATIO, figures.FEW, figures.MANY, figures.PEAK, figures.GROUP, figures.LOST_OR_DUPLICATED]
SETTINGS = {
    "MARTLET_USERS_PASSWORD_OPERATIONS": "1", "MARTLET_USERS_PASSWORD_MEMORY": "8",
    "MARTLET_MESSAGING_DEVICES": "64", "MARTLET_MESSAGING_FRAMES_PER_SECOND": "1000",
}
# The maximum number of members of a group.
USERS = 1_000
AT_ONCE = 8


def measure(run):
    log(f"registering {USERS} users and creating a direct chat for each pair")
    api = workload.APIClient(run.stack.port("bff"))
    users = api.create_users(USERS, AT_ONCE)
    live = LiveConnections(run, users, api.create_direct_chats(users, AT_ONCE))
    if run.wants(figures.IDLE, figures.IDLE_RATIO):
        live.measure_memory()
    if run.wants(figures.FEW):
        live.measure_delay("few", figures.FEW, chats=100, devices=1, rate=500)
    if run.wants(figures.MANY):
        devices = max(1, min(10_000, live.maximum) // USERS)
        live.measure_delay("many", figures.MANY, chats=USERS // 2, devices=devices, rate=1_000)
    if run.wants(figures.PEAK):
        live.measure_peak()
    if run.wants(figures.GROUP):
        live.measure_group(api.create_group("All users", users))
    log(live.costs.text("delivery"))
    run.record(figures.LOST_OR_DUPLICATED, live.lost_or_duplicated)


class LiveConnections:
    def __init__(self, run, users, chats):
        self.run, self.users, self.chats = run, users, chats
        self.costs, self.lost_or_duplicated = ProcessorCosts(run.stack), 0
        # Client and server need a descriptor per connection; a quarter of the limit is left for other files.
        self.maximum = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4
        self.seconds = run.seconds + 1

    # Memory

    def measure_memory(self):
        count = min(50_000, self.maximum)
        clients = [(user.token, None) for _ in range(-(-count // USERS)) for user in self.users][:count]
        log(f"memory per connection in KiB: {count:,} connections, {len(clients) // USERS} per user")
        self.run.stack.restart("messaging")
        martlet = self.memory_growth(self.run.stack.pid("messaging"), "martlet", self.run.stack.port("messaging"), clients)
        with self.relay() as (port, process):
            relay = self.memory_growth(process.pid, "relay", port, clients)
        log(f"    martlet {martlet:.2f}, relay {relay:.2f}")
        self.run.record(figures.IDLE, martlet, relay)
        self.run.record(figures.IDLE_RATIO, martlet, relay)

    def memory_growth(self, pid, name, port, clients):
        """Returns the KiB per connection beyond the first thousand, which allocate what the process needs once."""
        connections = [("/rt/1", token, chat) for token, chat in clients]
        first = 1_000
        with self.connected(name, port, connections[:first], file=f"{name}-first"):
            time.sleep(3)
            before = resident_kib(pid)
            with self.connected(name, port, connections[first:]):
                # Long enough for one keep-alive ping on each connection.
                time.sleep(30 if self.run.passes > 1 else 3)
                return (resident_kib(pid) - before) / (len(connections) - first)

    # Messages

    def measure_delay(self, kind, figure, chats, devices, rate):
        """Measures direct chats of users with several devices. Each device but the sender receives each message."""
        receivers = 2 * devices - 1
        clients = self.clients(self.chats[:chats], devices)
        with self.both(clients) as generators:
            title = f"p99 in ms from acknowledged to received, {len(clients):,} connections, {rate:,} deliveries/s"
            p99 = self.alternate(title, kind, generators, (rate / receivers, receivers, self.seconds), {
                "martlet": lambda result: result["acknowledgedToReceived"]["p99"],
                "relay": lambda result: result["received"]["p99"]})
        self.run.record(figure, p99["martlet"], p99["relay"])

    def measure_peak(self):
        with self.both(self.clients(self.chats, 1)) as generators:
            rates = self.alternate(
                f"deliveries/s, {len(self.chats)} messages in flight", "peak", generators, (0, 1, self.seconds),
                {name: lambda result: result["rate"] for name in generators})
        self.run.record(figures.PEAK, rates["martlet"], rates["relay"])

    def measure_group(self, chat):
        clients = [("group", member.token, chat.id if member is chat.members[0] else None) for member in chat.members]
        with self.both(clients) as generators:
            times = self.alternate(
                f"ms until the last of {len(clients):,} members has a message", "group", generators,
                (4, len(clients) - 1, self.seconds),
                {name: lambda result: result["sentToLast"]["p50"] for name in generators})
        self.run.record(figures.GROUP, times["martlet"], times["relay"])

    @staticmethod
    def clients(chats, devices):
        """Returns a client per member and device. The first device of the first member of each chat sends."""
        return [
            (chat.id, member.token, chat.id if member is chat.members[0] and device == 0 else None)
            for chat in chats for member in chat.members for device in range(devices)
        ]

    # Martlet and the relay server

    @contextlib.contextmanager
    def both(self, clients):
        """Yields a load generator for each server, with the same clients.

        A client is the name of a room of the relay server, a token, and the chat that it sends to or `None`.
        """
        with self.relay() as (port, self.relay_process):
            connections = [("/rt/1", token, chat) for _, token, chat in clients]
            with self.connected("martlet", self.run.stack.port("messaging"), connections) as martlet:
                connections = [("/" + room, token, chat) for room, token, chat in clients]
                with self.connected("relay", port, connections) as relay:
                    yield {"martlet": martlet, "relay": relay}

    def connected(self, name, port, connections, file=None):
        return connected(self.run, file or name, port, connections, expects_hello=name == "martlet")

    @contextlib.contextmanager
    def relay(self):
        port = free_port()
        with self.run.programs.running(self.run.stack.binaries / "Bench", "relay", port) as process:
            wait_for(port)
            yield port, process

    def alternate(self, title, kind, generators, load, values):
        def side(name):
            return lambda: values[name](self.run_load(name, kind, generators[name], load))

        return self.run.alternate(title, **{name: side(name) for name in generators})

    def run_load(self, name, kind, generator, load):
        """Runs one load, prints its result, and returns it."""
        used, relay_used = self.costs.used(), processor_seconds(self.relay_process.pid)
        result = generator.run(*load)
        deliveries = max(1, result["deliveries"])
        clients = result["processorSeconds"] * 1e6 / deliveries
        if name == "martlet":
            self.costs.record(kind, used, deliveries)
            self.count_errors(result)
            log(f"    martlet: {self.summary(result)}; processor time per delivery: clients {clients:.0f} µs")
        else:
            server = (processor_seconds(self.relay_process.pid) - relay_used) * 1e6 / deliveries
            log(f"    relay: {self.summary(result)}; processor time per delivery: server {server:.0f}, clients {clients:.0f} µs")
        return result

    @staticmethod
    def summary(result):
        def times(name):
            found = result[name]
            return f"{name} p50 {found['p50']:.1f}, p99 {found['p99']:.1f}, max {found['max']:.1f} ms" if found else f"{name} –"

        return f"{result['rate']:,.0f}/s; " + "; ".join(map(times, ("acknowledged", "received", "acknowledgedToReceived", "sentToLast")))

    def count_errors(self, result):
        self.lost_or_duplicated += result["missing"] + result["duplicates"]
        names = ("missing", "duplicates", "refused", "gaps", "lostConnections", "unfinished")
        errors = {name: result[name] for name in names if result[name]}
        if errors:
            log("    " + ", ".join(f"{count} {name}" for name, count in errors.items()))


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
