"""The load generator for WebSockets: one process with thousands of clients (`Bench websockets`)."""
import contextlib
import json
import subprocess


class LoadGenerator:
    def __init__(self, process):
        self.process = process

    def run(self, rate, receivers, seconds):
        """Sends `rate` messages a second, from all senders in turn, and returns the result.

        `receivers` is the number of connections that must receive each message. With a rate of 0 each sender
        sends its next message when all receivers have the previous one.
        """
        self.process.stdin.write(f"load {rate} {receivers} {seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.read_line())

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator exited; see .local/bench/log/bench.log")
        return line


@contextlib.contextmanager
def connected(run, name, port, connections, expects_hello):
    """Yields a load generator once all its connections are open.

    A connection is a path, a token, and the chat that it sends to or `None`. `expects_hello` says whether the
    server sends a `hello` frame first.
    """
    file = run.stack.directory / f"{name}.connections"
    lines = [f"{port} {'hello' if expects_hello else '-'}", *(f"{path} {token} {chat or '-'}" for path, token, chat in connections)]
    file.write_text("\n".join(lines))
    with run.programs.running(run.stack.binaries / "Bench", "websockets", file, stdin=subprocess.PIPE) as process:
        generator = LoadGenerator(process)
        if generator.read_line() != "ready\n":
            raise RuntimeError("the load generator did not report that it is ready")
        yield generator
        process.stdin.close()
