"""Processor time per request and process. Unlike rates, it hardly depends on other work on the machine."""
import os
import pathlib

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class ProcessorCosts:
    """Processor time per operation of each program of a stack, grouped by kind of operation."""

    def __init__(self, stack):
        self.stack = stack
        self.names = []
        self.rows = {}

    def used(self):
        """Returns the processor seconds so far by program. Those of Postgres include its connection processes."""
        pids = {file.stem: int(file.read_text()) for file in sorted((self.stack.directory / "run").glob("*.pid"))}
        used = {name: processor_seconds(pid) for name, pid in pids.items() if name != "epmd"}
        children = pathlib.Path(f"/proc/{pids['postgres']}/task/{pids['postgres']}/children").read_text().split()
        used["postgres"] += sum(map(processor_seconds, children)) + processor_seconds(pids["postgres"], of_ended_children=True)
        return used

    def record(self, kind, before, count):
        """Records the costs of `count` operations. `before` is what `used` returned when they began."""
        after = self.used()
        self.names = list(after)
        row = [(after[name] - before[name]) * 1e6 / max(count, 1) for name in self.names]
        self.rows.setdefault(kind, []).append(row)

    def text(self, operation="request"):
        """Returns a table of medians in µs."""
        lines = [f"processor time per {operation} by process, in µs:", " " * 12 + "".join(f"{name:>11}" for name in self.names)]
        for kind, rows in self.rows.items():
            medians = [sorted(column)[len(column) // 2] for column in zip(*rows)]
            lines.append(f"{kind:12}" + "".join(f"{value:11.1f}" for value in medians))
        return "\n".join(lines)


def processor_seconds(pid, of_ended_children=False):
    """Returns the processor time of a process, or 0 if the process has exited."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    first = 13 if of_ended_children else 11
    return (int(fields[first]) + int(fields[first + 1])) / TICKS_PER_SECOND
