"""Calls over the broker, in a virtual host with the permissions of the real one, and ids."""
import json
import subprocess

from measure.figures import CALLS, IDS, IDS_OVER_BUS, LONE_CALL

VHOST = "bench"
IDS_PER_MILLISECOND = 4096
FIGURES = [CALLS, LONE_CALL, IDS, IDS_OVER_BUS]


def measure(run):
    if run.wants(CALLS, LONE_CALL):
        create_virtual_host(run.stack)
        measure_calls(run)
    measure_ids(run)


def create_virtual_host(stack):
    definitions = subprocess.run(
        [stack.repository / "scripts/definitions.py", VHOST, "--administrators", "operator"], stdout=subprocess.PIPE, text=True, check=True)
    stack.script("rabbitmqctl", "--quiet", "import_definitions", input=definitions.stdout)


def measure_calls(run):
    programs = run.programs
    baseline_server, password = programs.amqp_baseline("echo", vhost=VHOST)
    server = [run.stack.binaries / "Bench", "chats", "echo"]
    environment = programs.bench_environment("chats", MARTLET_RABBITMQ_VHOST=VHOST)
    with programs.running(*baseline_server, environment=password), programs.running(*server, environment=environment):
        call(run, 1, 1)  # returns once the server answers
        if run.wants(CALLS):
            rates = run.alternate("bus calls/s, 64 in flight", **call_sides(run, 64, "rate"))
            run.record(CALLS, rates["martlet"], rates["librabbitmq"])
        if run.wants(LONE_CALL):
            latencies = run.alternate("bus call p50 in ms, one in flight", **call_sides(run, 1, "p50"))
            run.record(LONE_CALL, latencies["martlet"], latencies["librabbitmq"])


def call_sides(run, in_flight, key):
    return {
        "martlet": lambda: call(run, in_flight, run.seconds)[key],
        "librabbitmq": lambda: call_baseline(run, in_flight, run.seconds)[key],
    }


def call(run, in_flight, seconds):
    return run.programs.bench("bff", "calls", in_flight, seconds, MARTLET_RABBITMQ_VHOST=VHOST)


def call_baseline(run, in_flight, seconds):
    command, password = run.programs.amqp_baseline("calls", in_flight, seconds, vhost=VHOST)
    return json.loads(run.programs.output(*command, environment=password))


def ids_in_process(run):
    environment = run.programs.bench_environment("idgen")
    return float(run.programs.output(run.stack.binaries / "idgen", "measure", run.seconds, environment=environment))


def measure_ids(run):
    limit = IDS_PER_MILLISECOND * 1000
    if run.wants(IDS):
        rates = run.alternate("ids/s in process", idgen=lambda: ids_in_process(run))
        run.record(IDS, rates["idgen"], limit)
    if run.wants(IDS_OVER_BUS):
        rates = run.alternate("ids/s over the bus", idgen=lambda: run.programs.bench("chats", "ids", 64, run.seconds)["rate"])
        run.record(IDS_OVER_BUS, rates["idgen"], limit)
