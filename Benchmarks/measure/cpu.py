"""What one request costs each process. Unlike rates, this hardly depends on what else the machine does."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


class Costs:
    def __init__(self, stack):
        self.stack = stack
        self.names = []
        self.rows = {}

    def used(self):
        """Seconds of processor so far, by program; Postgres with its connections'."""
        pids = {file.stem: int(file.read_text()) for file in sorted((self.stack.directory / "run").glob("*.pid"))}
        used = {name: seconds(pid) for name, pid in pids.items() if name != "epmd"}
        children = pathlib.Path(f"/proc/{pids['postgres']}/task/{pids['postgres']}/children").read_text().split()
        used["postgres"] += sum(map(seconds, children)) + seconds(pids["postgres"], of_ended_children=True)
        return used

    def note(self, kind, before, requests):
        after = self.used()
        self.names = list(after)
        row = [(after[name] - before[name]) * 1e6 / max(requests, 1) for name in self.names]
        self.rows.setdefault(kind, []).append(row)

    def text(self, what="request"):
        lines = [f"processor time of one {what} by process, in µs:", " " * 12 + "".join(f"{name:>11}" for name in self.names)]
        for kind, rows in self.rows.items():
            middle = [sorted(column)[len(column) // 2] for column in zip(*rows)]
            lines.append(f"{kind:12}" + "".join(f"{value:11.1f}" for value in middle))
        return "\n".join(lines)


def seconds(pid, of_ended_children=False):
    """0 for a process that is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    first = 13 if of_ended_children else 11
    return (int(fields[first]) + int(fields[first + 1])) / TICKS
