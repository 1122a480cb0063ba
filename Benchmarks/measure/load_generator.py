"""Very many WebSocket clients in one process (`Bench live`), and the bare server beside ours."""
import contextlib
import json
import subprocess

from measure.cpu import seconds


class Crowd:
    def __init__(self, process):
        self.process = process

    def flow(self, rate, receivers, seconds):
        """So many messages a second from those who talk in turn; 0: each the next when the last is with all its receivers."""
        self.process.stdin.write(f"flow {rate} {receivers} {seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the clients ended; see .local/bench/log/bench.log")
        return line


@contextlib.contextmanager
def connected(run, name, port, seats, is_greeted):
    """Once all are in. A seat is a path, a token, and the chat that it writes to or `None`."""
    file = run.stack.directory / f"{name}.seats"
    lines = [f"{port} {'greeted' if is_greeted else 'silent'}", *(f"{path} {token} {chat or '-'}" for path, token, chat in seats)]
    file.write_text("\n".join(lines))
    with run.programs.running(run.stack.binaries / "Bench", "live", file, stdin=subprocess.PIPE) as process:
        crowd = Crowd(process)
        if crowd.line() != "ready\n":
            raise RuntimeError("the clients are not ready")
        yield crowd
        process.stdin.close()


def resident(pid):
    """In KiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def processor(process):
    return seconds(process.pid)
