"""Calls over the broker, in a virtual host of their own with the permissions of the real one; and ids."""
import json
import subprocess

from measure.figures import CALLS, IDS, IDS_OVER_BUS, LONE_CALL

VHOST = "bench"
IDS_PER_MILLISECOND = 4096
FIGURES = [CALLS, LONE_CALL, IDS, IDS_OVER_BUS]


def measure(run):
    if run.wants(CALLS, LONE_CALL):
        make_virtual_host(run.stack)
        calls(run)
    ids(run)


def make_virtual_host(stack):
    definitions = subprocess.run(
        [stack.repository / "scripts/definitions.py", VHOST, "--administrators", "operator"], stdout=subprocess.PIPE, text=True, check=True)
    stack.script("rabbitmqctl", "--quiet", "import_definitions", input=definitions.stdout)


def calls(run):
    programs = run.programs
    floor, secret = programs.amqp_floor("echo", vhost=VHOST)
    ours = programs.bench_environment("chats", MARTLET_RABBITMQ_VHOST=VHOST)
    with programs.running(*floor, environment=secret), programs.running(run.stack.binaries / "Bench", "chats", "echo", environment=ours):
        call(run, 1, 1)  # both are there once they answer
        if run.wants(CALLS):
            rates = run.take_turns("bus calls/s, 64 in flight", **both(run, 64, "rate"))
            run.note(CALLS, rates["ours"], rates["librabbitmq"])
        if run.wants(LONE_CALL):
            latencies = run.take_turns("bus call p50 in ms, one in flight", **both(run, 1, "p50"))
            run.note(LONE_CALL, latencies["ours"], latencies["librabbitmq"])


def both(run, in_flight, what):
    return {"ours": lambda: call(run, in_flight, run.seconds)[what], "librabbitmq": lambda: call_floor(run, in_flight, run.seconds)[what]}


def call(run, in_flight, seconds):
    return run.programs.bench("bff", "calls", in_flight, seconds, MARTLET_RABBITMQ_VHOST=VHOST)


def call_floor(run, in_flight, seconds):
    words, secret = run.programs.amqp_floor("calls", in_flight, seconds, vhost=VHOST)
    return json.loads(run.programs.output(*words, environment=secret))


def in_process(run):
    idgen = run.programs.bench_environment("idgen")
    return float(run.programs.output(run.stack.binaries / "idgen", "measure", run.seconds, environment=idgen))


def ids(run):
    limit = IDS_PER_MILLISECOND * 1000
    if run.wants(IDS):
        rates = run.take_turns("ids/s in process", idgen=lambda: in_process(run))
        run.note(IDS, rates["idgen"], limit)
    if run.wants(IDS_OVER_BUS):
        rates = run.take_turns("ids/s over the bus", idgen=lambda: run.programs.bench("chats", "ids", 64, run.seconds)["rate"])
        run.note(IDS_OVER_BUS, rates["idgen"], limit)
