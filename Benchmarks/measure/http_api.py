"""The public API under load, and what its services need for it."""
import contextlib
import json
import re
import signal
import socket
import statistics
import threading
import time

from measure import figures, workload
from measure.cpu import Costs
from measure.stack import say

# The barest JSON that the bff answers without asking anybody.
BARE_PATH = "/.well-known/jwks.json"
SECONDS = 3
MEMORY = [figures.memory(service, when) for service in figures.SERVICES for when in ("idle", "under load")]
FIGURES = [
    figures.SENDS, figures.EVENTS, figures.OUTBOX, figures.SENDS_P99, figures.HISTORY, figures.PROFILES, figures.BARE_ROUTE, *MEMORY]


def measure(run):
    if not run.wants(*FIGURES):
        return
    memory = Memory(run.stack)
    for service, value in memory.now().items():
        run.note(figures.memory(service, "idle"), value)
    say(f"{workload.PEOPLE} people sign up and open {workload.CHATS} chats")
    edge = workload.Edge(run.stack.port("bff"))
    persons = edge.people()
    load = Load(run, persons, edge.chats(persons))
    with listening(run) as told, memory.watched():
        load.prepare()
        rates = load.rates()
        say(load.costs.text())
        if run.wants(figures.SENDS_P99):
            run.note(figures.SENDS_P99, load.paced_p99(rates["sends"]))
        run.note(figures.OUTBOX, seconds_until_empty(run.stack))
    stored = int(run.stack.sql("martlet", "SELECT count(*) FROM chats.messages"))
    run.note(figures.EVENTS, told["count"], stored)
    for service, value in memory.most.items():
        run.note(figures.memory(service, "under load"), value)


class Load:
    """The requests, and what sends them."""

    def __init__(self, run, persons, chats):
        self.run, self.programs = run, run.programs
        self.port = run.stack.port("bff")
        self.seconds = min(SECONDS, run.seconds + 1)
        self.costs = Costs(run.stack)
        kinds = {
            "bare": workload.bare(BARE_PATH), "profiles": workload.profiles(persons), "history": workload.history(chats),
            "sends": workload.sends(chats),
            "hummingbird": workload.bare("/"),
        }
        self.files = {kind: workload.write(requests, run.stack.directory / f"{kind}.requests") for kind, requests in kinds.items()}

    def prepare(self):
        """Gives every chat a page of history, and everybody a warm start."""
        say("warming up")
        self.check(self.programs.paced(self.port, self.files["sends"], 1000, 2))
        for kind in ("bare", "profiles", "history"):
            self.wrk(kind, self.port, 1)

    def rates(self):
        run, hello = self.run, free_port()
        with self.programs.running(run.stack.binaries / "Bench", "hello", hello):
            wait_for(hello)
            rates = run.take_turns("HTTP requests/s, 64 connections", **self.sides(hello))
        bare = rates.get("bare")
        for name, side in ((figures.SENDS, "sends"), (figures.HISTORY, "history"), (figures.PROFILES, "profiles")):
            run.note(name, rates.get(side), bare)
        run.note(figures.BARE_ROUTE, bare, rates.get("hummingbird"))
        return rates

    def sides(self, hello):
        """Only what is wanted, each with its floor; sends also for what is measured beside them."""
        wants = self.run.wants
        sends = wants(figures.SENDS, figures.EVENTS, figures.OUTBOX, figures.SENDS_P99, *MEMORY)
        wanted = {
            "hummingbird": wants(figures.BARE_ROUTE),
            "bare": wants(figures.BARE_ROUTE, figures.SENDS, figures.HISTORY, figures.PROFILES),
            "profiles": wants(figures.PROFILES, *MEMORY), "history": wants(figures.HISTORY, *MEMORY), "sends": sends,
        }
        ports = {"hummingbird": hello}
        return {
            kind: lambda kind=kind: self.wrk(kind, ports.get(kind, self.port), self.seconds)["rate"]
            for kind, is_wanted in wanted.items() if is_wanted
        }

    def wrk(self, kind, port, seconds):
        before = self.costs.used()
        result = self.check(self.programs.wrk(f"http://127.0.0.1:{port}/", self.files[kind], seconds))
        if port == self.port:
            self.costs.note(kind, before, result["requests"])
        return result

    def paced_p99(self, peak):
        say(f"sends at {peak / 2:,.0f}/s, half of the peak, paced")
        taken = []
        for _ in range(self.run.passes):
            taken.append(self.check(self.programs.paced(self.port, self.files["sends"], peak / 2, self.seconds + 1)))
            say(f"    p50 {figures.number(taken[-1]['p50'])} ms, p99 {figures.number(taken[-1]['p99'])} ms")
        return statistics.median(result["p99"] for result in taken)

    def check(self, result):
        if result["refused"] or result["failed"]:
            say(f"    of {result['requests']} requests {result['refused']} were refused, {result['failed']} failed")
        return result


class Memory:
    """What the services have resident: now, and the most of a time."""

    def __init__(self, stack):
        self.stack = stack
        self.most = {service: 0 for service in figures.SERVICES}

    def now(self):
        return {service: self.stack.memory(service) for service in figures.SERVICES}

    @contextlib.contextmanager
    def watched(self):
        over = threading.Event()

        def watch():
            while not over.wait(0.5):
                self.most = {service: max(value, self.most[service]) for service, value in self.now().items()}

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


@contextlib.contextmanager
def listening(run):
    """An integration's queue, read while the rest goes on; at the end, how many messages its events told of."""
    printed = run.stack.script("integration", "bench", "--patterns", "chats.message.sent.v1", "--bytes", 2**30)
    user, password = re.search(r"amqp://([^:]+):([^@]+)@", printed).groups()
    told = {}
    words, secret = run.programs.amqp_floor("listen", user, vhost="martlet", user=user, password=password)
    with run.programs.running(*words, environment=secret) as listener:
        yield told
        listener.send_signal(signal.SIGTERM)
        told.update(json.loads(listener.communicate(timeout=60)[0]))


def seconds_until_empty(stack):
    """How long the last facts take to be told; gives up after a minute."""
    start = time.monotonic()
    while time.monotonic() - start < 60:
        if stack.sql("martlet", "SELECT count(*) FROM chats.outbox") == "0":
            break
        time.sleep(0.1)
    return time.monotonic() - start


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
