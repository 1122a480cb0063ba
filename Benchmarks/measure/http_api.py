"""The HTTP API under load: request rates, latency, the events that result, and the memory of the services."""
import contextlib
import json
import re
import signal
import socket
import statistics
import threading
import time

from measure import figures, workload
from measure.cpu import ProcessorCosts
from measure.stack import log

# A route that the bff answers without calling another service.
BARE_PATH = "/.well-known/jwks.json"
SECONDS = 3
MEMORY = [figures.memory(service, when) for service in figures.SERVICES for when in ("idle", "under load")]
FIGURES = [
    figures.SENDS, figures.EVENTS, figures.OUTBOX, figures.SENDS_P99, figures.HISTORY, figures.PROFILES, figures.BARE_ROUTE,
    *MEMORY]


def measure(run):
    if not run.wants(*FIGURES):
        return
    memory = MemoryWatch(run.stack)
    for service, value in memory.now().items():
        run.record(figures.memory(service, "idle"), value)
    log(f"registering {workload.USERS} users and creating {workload.CHATS} chats")
    api = workload.APIClient(run.stack.port("bff"))
    users = api.create_users()
    load = HTTPLoad(run, users, api.create_groups(users))
    with counted_events(run) as published, memory.watched():
        load.prepare()
        rates = load.rates()
        log(load.costs.text())
        if run.wants(figures.SENDS_P99):
            run.record(figures.SENDS_P99, load.paced_p99(rates["sends"]))
        run.record(figures.OUTBOX, seconds_until_outbox_is_empty(run.stack))
    stored = int(run.stack.sql("martlet", "SELECT count(*) FROM chats.messages"))
    run.record(figures.EVENTS, published["count"], stored)
    for service, value in memory.peak.items():
        run.record(figures.memory(service, "under load"), value)


class HTTPLoad:
    """The request templates of each kind, and the programs that send them."""

    def __init__(self, run, users, chats):
        self.run, self.programs = run, run.programs
        self.port = run.stack.port("bff")
        self.seconds = min(SECONDS, run.seconds + 1)
        self.costs = ProcessorCosts(run.stack)
        templates = {
            "bare": workload.bare(BARE_PATH), "profiles": workload.profiles(users), "history": workload.history(chats),
            "sends": workload.sends(chats),
            "hummingbird": workload.bare("/"),
        }
        self.files = {kind: workload.write(requests, run.stack.directory / f"{kind}.requests") for kind, requests in templates.items()}

    def prepare(self):
        """Fills each chat with a page of history and warms up the services."""
        log("warming up")
        self.check(self.programs.paced(self.port, self.files["sends"], 1000, 2))
        for kind in ("bare", "profiles", "history"):
            self.wrk(kind, self.port, 1)

    def rates(self):
        """Measures the wanted rates and returns them by kind of request."""
        run, hello_port = self.run, free_port()
        with self.programs.running(run.stack.binaries / "Bench", "hello", hello_port):
            wait_for(hello_port)
            rates = run.alternate("HTTP requests/s, 64 connections", **self.sides(hello_port))
        bare = rates.get("bare")
        for name, side in ((figures.SENDS, "sends"), (figures.HISTORY, "history"), (figures.PROFILES, "profiles")):
            run.record(name, rates.get(side), bare)
        run.record(figures.BARE_ROUTE, bare, rates.get("hummingbird"))
        return rates

    def sides(self, hello_port):
        """Returns the kinds of requests that the wanted figures and their baselines need."""
        wants = self.run.wants
        sends = wants(figures.SENDS, figures.EVENTS, figures.OUTBOX, figures.SENDS_P99, *MEMORY)
        wanted = {
            "hummingbird": wants(figures.BARE_ROUTE),
            "bare": wants(figures.BARE_ROUTE, figures.SENDS, figures.HISTORY, figures.PROFILES),
            "profiles": wants(figures.PROFILES, *MEMORY), "history": wants(figures.HISTORY, *MEMORY), "sends": sends,
        }
        ports = {"hummingbird": hello_port}
        return {
            kind: lambda kind=kind: self.wrk(kind, ports.get(kind, self.port), self.seconds)["rate"]
            for kind, is_wanted in wanted.items() if is_wanted
        }

    def wrk(self, kind, port, seconds):
        before = self.costs.used()
        result = self.check(self.programs.wrk(f"http://127.0.0.1:{port}/", self.files[kind], seconds))
        if port == self.port:
            self.costs.record(kind, before, result["requests"])
        return result

    def paced_p99(self, peak):
        log(f"sends at a constant {peak / 2:,.0f}/s, half of the peak")
        results = []
        for _ in range(self.run.passes):
            results.append(self.check(self.programs.paced(self.port, self.files["sends"], peak / 2, self.seconds + 1)))
            log(f"    p50 {figures.number(results[-1]['p50'])} ms, p99 {figures.number(results[-1]['p99'])} ms")
        return statistics.median(result["p99"] for result in results)

    def check(self, result):
        if result["refused"] or result["failed"]:
            log(f"    of {result['requests']} requests {result['refused']} were refused, {result['failed']} failed")
        return result


class MemoryWatch:
    """The resident memory of the services in MiB: now, and its peak while watched."""

    def __init__(self, stack):
        self.stack = stack
        self.peak = {service: 0 for service in figures.SERVICES}

    def now(self):
        return {service: self.stack.memory(service) for service in figures.SERVICES}

    @contextlib.contextmanager
    def watched(self):
        ended = threading.Event()

        def watch():
            while not ended.wait(0.5):
                self.peak = {service: max(value, self.peak[service]) for service, value in self.now().items()}

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


@contextlib.contextmanager
def counted_events(run):
    """Consumes an integration's queue meanwhile. Afterwards `count` is the number of messages in its events."""
    printed = run.stack.script("integration", "bench", "--patterns", "chats.message.sent.v1", "--bytes", 2**30)
    user, password = re.search(r"amqp://([^:]+):([^@]+)@", printed).groups()
    published = {}
    command, environment = run.programs.amqp_baseline("count", user, vhost="martlet", user=user, password=password)
    with run.programs.running(*command, environment=environment) as consumer:
        yield published
        consumer.send_signal(signal.SIGTERM)
        published.update(json.loads(consumer.communicate(timeout=60)[0]))


def seconds_until_outbox_is_empty(stack):
    """Returns how long publishing the remaining events takes; at most a minute."""
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
    """Waits up to 5 s until a process listens on the port."""
    for _ in range(100):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
