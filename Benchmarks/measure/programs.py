"""The programs that measure: Martlet's own, and those of the baselines. Each prints its result."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent.parent
PGBENCH = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pgbench"), key=lambda path: int(path.parts[4]))


class Programs:
    def __init__(self, stack):
        self.stack = stack
        self.log = open(stack.directory / "log/bench.log", "w")
        self.amqp = self.compile(HERE / "baselines/amqp.c", "-lrabbitmq")
        self.paced_program = self.compile(HERE / "load/paced.c")

    def compile(self, source, *libraries):
        program = self.stack.directory / source.stem
        subprocess.run(["cc", "-std=gnu11", "-O2", "-Wall", "-o", program, source, *libraries], check=True)
        return program

    def output(self, *command, environment={}, timeout=60):
        """Runs a program to its end and returns its output. `timeout` is in seconds."""
        command = [str(word) for word in command]
        result = subprocess.run(
            command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=self.log, text=True, timeout=timeout)
        if result.returncode != 0:
            sys.exit(f"error: {' '.join(command)} failed; the end of its log:\n{self.end_of_log()}")
        return result.stdout

    def end_of_log(self):
        return "".join(open(self.log.name).readlines()[-10:])

    @contextlib.contextmanager
    def running(self, *command, environment={}, stdin=None):
        """Yields a running process, and terminates it at the end."""
        process = subprocess.Popen(
            [str(word) for word in command], env={**os.environ, **environment}, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log,
            text=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()

    # Martlet

    def bench_environment(self, service, **changes):
        """Returns the environment of a service, with a unique instance name and without informational logs."""
        environment = self.stack.environment(service)
        environment |= {"MARTLET_LOG_LEVEL": "error", "MARTLET_INSTANCE": f"{service}-bench-{time.monotonic_ns()}"}
        return environment | changes

    def bench(self, service, command, *numbers, **changes):
        """Runs `Bench <service> <command> …`. `changes` are variables that replace those of the service."""
        environment = self.bench_environment(service, **changes)
        return json.loads(self.output(self.stack.binaries / "Bench", service, command, *numbers, environment=environment))

    # Baselines and HTTP load generators

    def amqp_baseline(self, command, *arguments, vhost, user="operator", password=None):
        """Returns the command line and the environment of baselines/amqp.c."""
        command_line = [self.amqp, command, self.stack.port("rabbitmq"), user, vhost, *arguments]
        return command_line, {"AMQP_PASSWORD": password or self.stack.secret("rabbitmq.operator")}

    def pgbench(self, script, seconds):
        """Returns the transactions per second."""
        printed = self.output(
            PGBENCH[-1], "-n", "-M", "prepared", "-c", 16, "-j", 2, "-T", max(1, round(seconds)),
            "-f", HERE / "baselines" / script, "bench", environment=self.stack.postgres())
        return float(re.search(r"^tps = ([\d.]+) \(without", printed, re.MULTILINE).group(1))

    def redis_benchmark(self, command, requests):
        """Returns the requests per second."""
        printed = self.output(
            "redis-benchmark", "-p", self.stack.port("redis"), "--user", "operator", "-a", self.stack.secret("redis.operator"),
            "-c", 64, "-P", 1, "-t", command, "-r", 1000, "-d", 300, "-n", requests, "--csv")
        return float(printed.splitlines()[-1].split(",")[1].strip('"'))

    def wrk(self, url, requests, seconds, connections=64):
        """Sends the requests of a file as fast as possible."""
        printed = self.output(
            "wrk", "--threads", 1, "--connections", connections, "--duration", f"{seconds}s", "--script", HERE / "load/requests.lua", url,
            "--", requests)
        return json.loads(printed.splitlines()[-1])

    def paced(self, port, requests, rate, seconds, connections=64):
        """Sends the requests of a file at a constant rate."""
        return json.loads(self.output(self.paced_program, port, requests, connections, int(rate), seconds))
