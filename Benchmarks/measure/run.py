"""One run: which figures are wanted, how long to measure, and what has come out so far."""
import dataclasses
import os
import statistics

from measure import figures
from measure.programs import Programs
from measure.stack import say


class Run:
    def __init__(self, wanted, passes, seconds):
        self.wanted, self.passes, self.seconds = wanted, passes, seconds
        self.results = {}

    def use(self, stack):
        self.stack, self.programs = stack, Programs(stack)

    def wants(self, *names):
        return any(name in self.wanted for name in names)

    def note(self, name, value, floor=None):
        self.results[name] = (value, floor)

    def take_turns(self, title, /, **sides):
        """Measures each side once a pass, in turn; the median of each."""
        say(f"{title}: {' against '.join(name.replace('_', ' ') for name in sides)}")
        taken = {name: [] for name in sides}
        for _ in range(self.passes):
            for name, side in sides.items():
                taken[name].append(side())
            say("    " + " · ".join(f"{name.replace('_', ' ')} {figures.number(values[-1])}" for name, values in taken.items()))
        return {name: statistics.median(values) for name, values in taken.items()}

    def figures(self):
        measured = []
        for figure in figures.FIGURES:
            if figure.name in self.wanted and figure.name in self.results:
                value, floor = self.results[figure.name]
                measured.append(dataclasses.replace(figure, value=value, floor=floor))
        return measured

    def describe_machine(self):
        busy = os.getloadavg()[0]
        say(f"{os.cpu_count()} cores; load before this began: {busy:.1f}" + (", so something else is running" if busy > 1.5 else ""))
        names = ("server_version", "fsync", "full_page_writes", "synchronous_commit")
        shown = self.stack.sql("martlet", *(f"SHOW {name}" for name in names)).splitlines()
        say("Postgres says: " + ", ".join(f"{name} = {value}" for name, value in zip(names, shown)))
