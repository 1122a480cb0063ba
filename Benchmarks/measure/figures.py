"""The figures, their goals, and how they are printed."""
import dataclasses
import json


@dataclasses.dataclass
class Figure:
    name: str
    unit: str
    baseline_name: str
    # What is compared with the goal: the "ratio" to the baseline, or the "value" itself.
    of: str
    relation: str
    goal: float
    # Whether `make bench` fails when the figure does not hold.
    is_required: bool = False
    value: float = None
    baseline: float = None

    @property
    def ratio(self):
        return self.value / self.baseline if self.baseline else None

    @property
    def holds(self):
        measured = self.ratio if self.of == "ratio" else self.value
        if measured is None:
            return False
        return {">=": measured >= self.goal, "<=": measured <= self.goal, "=": measured == self.goal}[self.relation]

    def json(self):
        return {
            "figure": self.name, "value": self.value, "unit": self.unit, "baseline": self.baseline,
            "ratio": self.ratio and round(self.ratio, 4), "goal": f"{self.of} {self.relation} {self.goal:g}", "holds": self.holds,
        }


LIBRABBITMQ, BARE, FORMAT, RELAY = "C on librabbitmq", "bff's bare JSON", "limit of the id format", "bare NIO relay"
CALLS, LONE_CALL = "bus calls, 64 in flight", "bus call p50, one in flight"
SENDS, SENDS_P99 = "message sends", "message send p99 at half the peak"
HISTORY, PROFILES, BARE_ROUTE = "history pages", "profiles", "bff's bare JSON route"
EVENTS, OUTBOX = "messages published as events", "outbox empty after"
IDS, IDS_OVER_BUS = "ids in process", "ids over the bus, 100 at a time"
PAGES, ROWS, GETS = "20-row pages through Postgres", "rows committed in micro-batches", "GETs through Redis"
IDLE, IDLE_RATIO = "memory of an idle live connection", "memory of an idle live connection, ratio"
FEW, MANY = "delivery p99, 200 live connections, 500/s", "delivery p99, 10,000 live connections, 1,000/s"
PEAK, GROUP = "deliveries to live connections, peak", "delivery to 1,000 live members of a chat"
LOST_OR_DUPLICATED = "deliveries lost or duplicated"
SERVICES = ("bff", "users", "chats", "idgen")


def memory(service, when):
    return f"memory of {service}, {when}"


FIGURES = [
    Figure(CALLS, "/s", LIBRABBITMQ, "ratio", ">=", 2),
    Figure(LONE_CALL, "ms", LIBRABBITMQ, "ratio", "<=", 1.3),
    Figure(SENDS, "/s", BARE, "ratio", ">=", 0.15),
    Figure(EVENTS, "", "messages stored", "ratio", "=", 1, is_required=True),
    Figure(OUTBOX, "s", "", "value", "<=", 10),
    Figure(SENDS_P99, "ms", "", "value", "<=", 25),
    Figure(HISTORY, "/s", BARE, "ratio", ">=", 0.4),
    Figure(PROFILES, "/s", BARE, "ratio", ">=", 0.55),
    Figure(BARE_ROUTE, "/s", "Hummingbird alone", "ratio", ">=", 0.9),
    Figure(IDS, "/s", FORMAT, "ratio", ">=", 0.95),
    Figure(IDS_OVER_BUS, "/s", FORMAT, "ratio", ">=", 0.4),
    Figure(PAGES, "/s", "pgbench, 16 clients", "ratio", ">=", 1.3),
    Figure(ROWS, "/s", "pgbench, a row each", "ratio", ">=", 4),
    Figure(GETS, "/s", "redis-benchmark -P 1", "ratio", ">=", 3.5),
    Figure(IDLE, "KiB", RELAY, "value", "<=", 12),
    Figure(IDLE_RATIO, "KiB", RELAY, "ratio", "<=", 1.5),
    Figure(FEW, "ms", RELAY, "value", "<=", 9),
    Figure(MANY, "ms", RELAY, "value", "<=", 50),
    Figure(PEAK, "/s", RELAY, "value", ">=", 9000),
    Figure(GROUP, "ms", RELAY, "value", "<=", 100),
    Figure(LOST_OR_DUPLICATED, "", "", "value", "=", 0, is_required=True),
    *(Figure(memory(service, "idle"), "MiB", "", "value", "<=", 40) for service in SERVICES),
    *(Figure(memory(service, "under load"), "MiB", "", "value", "<=", 120) for service in SERVICES),
]


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(figures):
    """Returns the figures as a table of text."""
    rows = [("figure", "value", "", "baseline", "of", "ratio", "goal", "")]
    for figure in figures:
        goal = f"{figure.relation.replace('>=', '≥').replace('<=', '≤')} {figure.goal:g}"
        rows.append((
            figure.name, number(figure.value), figure.unit, number(figure.baseline), figure.baseline_name,
            f"{figure.ratio:.2f}" if figure.ratio else "", goal if figure.of == "ratio" else f"{goal} {figure.unit}",
            "holds" if figure.holds else "FALLS SHORT"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    right_aligned = {1, 3, 5}
    lines = [
        "  ".join(
            cell.rjust(width) if i in right_aligned else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    ]
    return "\n" + "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def write(figures, path):
    with open(path, "w") as file:
        json.dump([figure.json() for figure in figures], file, indent=1)
        file.write("\n")
