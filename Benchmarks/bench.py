#!/usr/bin/python3 -B
"""`make bench`: what Martlet's parts reach on this machine, each beside the bare parts it is made of.

Figure and floor take turns, so that what else the machine does hits both; the median of each counts. Nothing here fails
for being slow: what falls short is marked. Only messages that went astray make the command fail.
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


def options():
    arguments = argparse.ArgumentParser(prog="make bench", description=__doc__)
    arguments.add_argument("--only", metavar="PATTERN", default="", help="figures whose name matches this regular expression")
    arguments.add_argument("--quick", action="store_true", help="one short pass of everything")
    given = arguments.parse_args()
    try:
        given.only = re.compile(given.only, re.IGNORECASE)
    except re.error as error:
        arguments.error(f"{given.only} is no regular expression: {error}")
    return given


def measure(given):
    wanted = [figure for figure in figures.FIGURES if given.only.search(figure.name)]
    if not wanted:
        sys.exit("no figure has such a name; there are:\n  " + "\n  ".join(figure.name for figure in figures.FIGURES))
    begin = time.monotonic()
    run = Run({figure.name for figure in wanted}, *((1, 1) if given.quick else (3, 2)))
    # Those of live connections have a stack of their own: for thousands of people passwords must cost next to nothing.
    measure_with({}, (bus, databases, http_api), run)
    measure_with(live_connections.SETTINGS, (live_connections,), run)
    return run.figures(), time.monotonic() - begin


def measure_with(settings, parts, run):
    parts = [part for part in parts if run.wants(*part.FIGURES)]
    if not parts:
        return
    with Stack(REPOSITORY, ".local/bench", settings) as stack:
        run.use(stack)
        run.describe_machine()
        for part in parts:
            part.measure(run)


def main():
    os.chdir(REPOSITORY)
    # Every live connection is a file.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    results, seconds = measure(options())
    print(figures.text(results))
    figures.write(results, ".local/bench.json")
    short = sum(not figure.holds for figure in results)
    print(f"\n{len(results) - short} of {len(results)} hold, {short} fall short; {seconds:.0f} s; also in .local/bench.json")
    if any(figure.is_promise and not figure.holds for figure in results):
        sys.exit("messages went astray: see above")


if __name__ == "__main__":
    main()
