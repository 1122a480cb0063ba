"""The stack that `make bench` measures. It runs on free ports beside other stacks and is always removed at the end."""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request


class Stack:
    def __init__(self, repository, directory, settings={}):
        """`settings` are environment variables for all services of the stack."""
        self.settings = settings
        self.repository = pathlib.Path(repository)
        self.directory = self.repository / directory
        self.binaries = self.repository / ".build/release"

    # Start and end

    def __enter__(self):
        self.directory.parent.mkdir(exist_ok=True)
        self.lock = open(f"{self.directory}.lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("error: another `make bench` is running in this directory")
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        # A killed run may have left its servers running.
        self.remove()
        log("starting a stack in .local/bench")
        try:
            self.script("up", capture=False)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        log("stopping the stack")
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.remove()
        signal.signal(signal.SIGINT, handler)
        self.lock.close()

    def remove(self):
        if (self.directory / "config").exists():
            self.script("down")
        shutil.rmtree(self.directory, ignore_errors=True)

    def script(self, *arguments, input=None, capture=True):
        """Runs a command of scripts/stack.sh and returns its output."""
        environment = {**os.environ, **self.settings, "MARTLET_STACK_KIND": "local", "MARTLET_BIN": str(self.binaries)}
        result = subprocess.run(
            [self.repository / "scripts/stack.sh", self.directory, *map(str, arguments)], env=environment, input=input,
            stdout=subprocess.PIPE if capture else None, text=True, pass_fds=())
        if result.returncode != 0:
            sys.exit(f"error: stack.sh {arguments[0]} failed: {result.stdout or ''}")
        return result.stdout

    def restart(self, service):
        """Restarts a service and waits until it is ready."""
        self.script("stop", service)
        self.script("start", service)
        management = f"http://127.0.0.1:{self.port(service + '_management')}/readyz"
        for _ in range(600):
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(management, timeout=2):
                    return
            time.sleep(0.1)
        sys.exit(f"error: {service} is not ready after its restart; see {self.directory}/log/{service}.log")

    # Addresses and processes

    def port(self, name):
        settings = (self.directory / "config/settings").read_text()
        return int(re.search(rf"^MARTLET_{name.upper()}_PORT=(\d+)$", settings, re.MULTILINE).group(1))

    def secret(self, name):
        return (self.directory / "secrets" / name).read_text().strip()

    def environment(self, service):
        """Returns the environment variables of a service."""
        lines = self.script("environment", service, "bench").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def pid(self, program):
        return int((self.directory / f"run/{program}.pid").read_text())

    def memory(self, service):
        """Returns the resident memory of a service in MiB."""
        pid = self.pid(service)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1)) / 1024

    def postgres(self):
        """Returns the environment of libpq for the superuser."""
        return {
            "PGHOST": "127.0.0.1", "PGPORT": str(self.port("postgres")), "PGUSER": "postgres", "PGSSLMODE": "disable",
            "PGPASSWORD": self.secret("postgres.postgres"),
        }

    def sql(self, database, *commands, file=None):
        """Runs commands or a file with psql and returns its output."""
        options = [option for command in commands for option in ("--command", command)] + (["--file", file] if file else [])
        result = subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname", database, *options],
            env={**os.environ, **self.postgres()}, stdout=subprocess.PIPE, text=True, check=True)
        return result.stdout.strip()


def log(text):
    print(text, flush=True)
