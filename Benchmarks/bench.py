#!/usr/bin/python3 -B
"""`make bench`: measures parts of Martlet on this machine, each beside a baseline such as the bare library below it.

A figure and its baseline are measured alternately, so that other work on the machine affects both. The median of
each counts. A figure below its goal is marked; it does not fail the command. Only lost or duplicated messages do.
"""
import argparse
import os
import re
import resource
import sys
import time

from measure import bus, databases, figures, http_api, live_connections
from measure.run import Run
from measure.stack import Stack

REPOSITORY = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def parse_options():
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument(
        "--only", metavar="PATTERN", default="", help="measure only figures whose name matches this regular expression")
    arguments.add_argument("--quick", action="store_true", help="measure each figure in one short pass")
    options = arguments.parse_args()
    try:
        options.only = re.compile(options.only, re.IGNORECASE)
    except re.error as error:
        arguments.error(f"--only must be a regular expression; {options.only} is not: {error}")
    return options


def measure(options):
    """Returns the measured figures and the seconds that measuring took."""
    wanted = [figure for figure in figures.FIGURES if options.only.search(figure.name)]
    if not wanted:
        sys.exit("no figure matches; the figures are:\n  " + "\n  ".join(figure.name for figure in figures.FIGURES))
    start = time.monotonic()
    run = Run({figure.name for figure in wanted}, *((1, 1) if options.quick else (3, 2)))
    # Live connections are measured on a stack with cheap password hashes, because a thousand users must log in.
    measure_with({}, (bus, databases, http_api), run)
    measure_with(live_connections.SETTINGS, (live_connections,), run)
    return run.figures(), time.monotonic() - start


def measure_with(settings, modules, run):
    """Starts a stack whose services have these settings, and measures the wanted figures of the modules."""
    modules = [module for module in modules if run.wants(*module.FIGURES)]
    if not modules:
        return
    with Stack(REPOSITORY, ".local/bench", settings) as stack:
        run.use(stack)
        run.describe_machine()
        for module in modules:
            module.measure(run)


def main():
    os.chdir(REPOSITORY)
    # Each connection needs a file descriptor.
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    measured, seconds = measure(parse_options())
    print(figures.table(measured))
    figures.write(measured, ".local/bench.json")
    short = sum(not figure.holds for figure in measured)
    print(f"\n{len(measured) - short} of {len(measured)} hold, {short} fall short; {seconds:.0f} s; also in .local/bench.json")
    if any(figure.is_required and not figure.holds for figure in measured):
        sys.exit("error: messages were lost or duplicated; see above")


if __name__ == "__main__":
    main()
