"""One run of `make bench`: the wanted figures, the length of measurements, and the results so far."""
import dataclasses
import os
import statistics

from measure import figures
from measure.programs import Programs
from measure.stack import log


class Run:
    def __init__(self, wanted, passes, seconds):
        self.wanted, self.passes, self.seconds = wanted, passes, seconds
        self.results = {}

    def use(self, stack):
        self.stack, self.programs = stack, Programs(stack)

    def wants(self, *names):
        return any(name in self.wanted for name in names)

    def record(self, name, value, baseline=None):
        self.results[name] = (value, baseline)

    def alternate(self, title, /, **sides):
        """Measures the sides alternately, each once per pass. Returns the median of each by name."""
        log(f"{title}: {' against '.join(name.replace('_', ' ') for name in sides)}")
        measured = {name: [] for name in sides}
        for _ in range(self.passes):
            for name, side in sides.items():
                measured[name].append(side())
            log("    " + " · ".join(f"{name.replace('_', ' ')} {figures.number(values[-1])}" for name, values in measured.items()))
        return {name: statistics.median(values) for name, values in measured.items()}

    def figures(self):
        """Returns the wanted figures that were measured, with their values."""
        measured = []
        for figure in figures.FIGURES:
            if figure.name in self.wanted and figure.name in self.results:
                value, baseline = self.results[figure.name]
                measured.append(dataclasses.replace(figure, value=value, baseline=baseline))
        return measured

    def describe_machine(self):
        load = os.getloadavg()[0]
        warning = "; other processes are running and will affect the results" if load > 1.5 else ""
        log(f"{os.cpu_count()} cores; load average before the measurements: {load:.1f}{warning}")
        names = ("server_version", "fsync", "full_page_writes", "synchronous_commit")
        shown = self.stack.sql("martlet", *(f"SHOW {name}" for name in names)).splitlines()
        log("Postgres settings: " + ", ".join(f"{name} = {value}" for name, value in zip(names, shown)))
