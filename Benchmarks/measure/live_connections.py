"""Live connections, beside a bare WebSocket server on NIO that does no more than pass on what it is sent."""
import contextlib
import resource
import time

from measure import figures, workload
from measure.cpu import Costs, seconds
from measure.http_api import free_port, wait_for
from measure.load_generator import connected, resident
from measure.stack import say

FIGURES = [figures.IDLE, figures.IDLE_RATIO, figures.FEW, figures.MANY, figures.PEAK, figures.GROUP, figures.ASTRAY]
SETTINGS = {
    "MARTLET_USERS_PASSWORD_OPERATIONS": "1", "MARTLET_USERS_PASSWORD_MEMORY": "8",
    "MARTLET_MESSAGING_DEVICES": "64", "MARTLET_MESSAGING_FRAMES_PER_SECOND": "1000",
}
# As many as a group may have.
PEOPLE = 1_000
AT_ONCE = 8


def measure(run):
    say(f"{PEOPLE} people sign up, and open a chat for each two")
    edge = workload.Edge(run.stack.port("bff"))
    persons = edge.people(PEOPLE, AT_ONCE)
    live = Live(run, persons, edge.pairs(persons, AT_ONCE))
    if run.wants(figures.IDLE, figures.IDLE_RATIO):
        live.idle()
    if run.wants(figures.FEW):
        live.delays("few", figures.FEW, chats=100, devices=1, rate=500)
    if run.wants(figures.MANY):
        devices = max(1, min(10_000, live.most) // PEOPLE)
        live.delays("many", figures.MANY, chats=PEOPLE // 2, devices=devices, rate=1_000)
    if run.wants(figures.PEAK):
        live.peak()
    if run.wants(figures.GROUP):
        live.group(edge.group("Everybody", persons))
    say(live.costs.text("delivery"))
    run.note(figures.ASTRAY, live.astray)


class Live:
    def __init__(self, run, persons, chats):
        self.run, self.persons, self.chats = run, persons, chats
        self.costs, self.astray = Costs(run.stack), 0
        # Each end of a connection is a file of its process, which has some others.
        self.most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4
        self.seconds = run.seconds + 1

    # Memory

    def idle(self):
        count = min(50_000, self.most)
        seats = [(person.token, None) for _ in range(-(-count // PEOPLE)) for person in self.persons][:count]
        say(f"memory of a connection, KiB: {count:,} connections, {len(seats) // PEOPLE} of each")
        self.run.stack.restart("messaging")
        ours = self.growth(self.run.stack.pid("messaging"), "ours", self.run.stack.port("messaging"), seats)
        with self.echo() as (port, process):
            bare = self.growth(process.pid, "bare", port, seats)
        say(f"    ours {ours:.2f}, bare {bare:.2f}")
        self.run.note(figures.IDLE, ours, bare)
        self.run.note(figures.IDLE_RATIO, ours, bare)

    def growth(self, pid, name, port, seats):
        """Of one connection beyond the first thousand, for which everything is touched and filled that the process has once."""
        seats = [("/rt/1", token, chat) for token, chat in seats]
        first = 1_000
        with self.crowd(name + " first", port, seats[:first]):
            time.sleep(3)
            before = resident(pid)
            with self.crowd(name, port, seats[first:]):
                # Everybody is pinged once meanwhile.
                time.sleep(30 if self.run.passes > 1 else 3)
                return (resident(pid) - before) / (len(seats) - first)

    # Messages

    def delays(self, kind, figure, chats, devices, rate):
        """Of messages between two people with some devices each, all of which are shown what the others are."""
        receivers = 2 * devices - 1
        seats = self.seats(self.chats[:chats], devices)
        with self.both(seats) as crowds:
            title = f"p99 in ms from acknowledged to received, {len(seats):,} connections, {rate:,} deliveries/s"
            p99 = self.turns(title, kind, crowds, (rate / receivers, receivers, self.seconds), {
                "ours": lambda result: result["acknowledgedToReceived"]["p99"], "bare": lambda result: result["received"]["p99"]})
        self.run.note(figure, p99["ours"], p99["bare"])

    def peak(self):
        with self.both(self.seats(self.chats, 1)) as crowds:
            rates = self.turns(
                f"deliveries/s, {len(self.chats)} messages on their way", "peak", crowds, (0, 1, self.seconds),
                {name: lambda result: result["rate"] for name in crowds})
        self.run.note(figures.PEAK, rates["ours"], rates["bare"])

    def group(self, chat):
        seats = [(member.token, chat.id if member is chat.members[0] else None) for member in chat.members]
        with self.both([("everybody", *seat) for seat in seats]) as crowds:
            times = self.turns(
                f"ms until the last of {len(seats):,} has a message", "group", crowds, (4, len(seats) - 1, self.seconds),
                {name: lambda result: result["sentToLast"]["p50"] for name in crowds})
        self.run.note(figures.GROUP, times["ours"], times["bare"])

    @staticmethod
    def seats(chats, devices):
        """One of each two writes, from one device."""
        return [
            (chat.id, member.token, chat.id if member is chat.members[0] and device == 0 else None)
            for chat in chats for member in chat.members for device in range(devices)
        ]

    # Ours and the bare server

    @contextlib.contextmanager
    def both(self, seats):
        """The same clients of each; a seat is what makes a room of it, a token, and perhaps a chat to write to."""
        with self.echo() as (port, self.bare):
            with self.crowd("ours", self.run.stack.port("messaging"), [("/rt/1", token, chat) for _, token, chat in seats]) as ours:
                with self.crowd("bare", port, [("/" + room, token, chat) for room, token, chat in seats]) as bare:
                    yield {"ours": ours, "bare": bare}

    def crowd(self, name, port, seats):
        return connected(self.run, name, port, seats, is_greeted=name.startswith("ours"))

    @contextlib.contextmanager
    def echo(self):
        port = free_port()
        with self.run.programs.running(self.run.stack.binaries / "Bench", "echo", port) as process:
            wait_for(port)
            yield port, process

    def turns(self, title, kind, crowds, order, values):
        def side(name):
            return lambda: values[name](self.flow(name, kind, crowds[name], order))

        return self.run.take_turns(title, **{name: side(name) for name in crowds})

    def flow(self, name, kind, crowd, order):
        used, bare = self.costs.used(), seconds(self.bare.pid)
        result = crowd.flow(*order)
        deliveries = max(1, result["deliveries"])
        client = result["processor"] * 1e6 / deliveries
        if name == "ours":
            self.costs.note(kind, used, deliveries)
            self.judge(result)
            say(f"    {self.words(result)}; the clients took {client:.0f} µs of processor a delivery")
        else:
            server = (seconds(self.bare.pid) - bare) * 1e6 / deliveries
            say(f"    bare: {self.words(result)}; it took {server:.0f} µs of processor a delivery, the clients {client:.0f}")
        return result

    @staticmethod
    def words(result):
        def times(name):
            found = result[name]
            return f"{name} p50 {found['p50']:.1f}, p99 {found['p99']:.1f}, max {found['max']:.1f} ms" if found else f"{name} –"

        return f"{result['rate']:,.0f}/s; " + "; ".join(map(times, ("acknowledged", "received", "acknowledgedToReceived", "sentToLast")))

    def judge(self, result):
        self.astray += result["missing"] + result["twice"]
        wrong = {name: result[name] for name in ("missing", "twice", "refused", "gaps", "lost", "unfinished") if result[name]}
        if wrong:
            say("    " + ", ".join(f"{count} {name}" for name, count in wrong.items()))
