#!/usr/bin/python3 -B
"""A queue of events for a program outside Martlet, and a broker user who may read that queue and nothing else.

The queue is bounded: when it is full it drops its oldest events, and nobody else notices. Run it again to change
the patterns; the password is shown when the user is made and never again.
"""
import argparse
import json
import os
import re
import secrets
import subprocess
import sys

import pika

from definitions import user

VHOST = "martlet"


def rabbitmqctl(*arguments, input=None):
    """Of the stack whose script is in the environment; returns what it printed."""
    command = [os.environ["STACK_SCRIPT"], os.environ["STACK_DIRECTORY"], "rabbitmqctl", "--quiet", *arguments]
    done = subprocess.run(command, input=input, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: rabbitmqctl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def users():
    return {row["user"] for row in json.loads(rabbitmqctl("list_users", "--formatter", "json"))}


def patterns_of(queue):
    rows = json.loads(rabbitmqctl("list_bindings", "-p", VHOST, "--formatter", "json"))
    return {row["routing_key"] for row in rows if row["destination_name"] == queue and row["source_name"]}


def channel():
    credentials = pika.PlainCredentials("operator", os.environ["OPERATOR_PASSWORD"])
    address = pika.ConnectionParameters("127.0.0.1", int(os.environ["RABBITMQ_PORT"]), VHOST, credentials)
    return pika.BlockingConnection(address).channel()


def make_user(queue, password):
    read_it = {"user": queue, "vhost": VHOST, "configure": "^$", "write": "^$", "read": f"^{re.escape(queue)}$"}
    rabbitmqctl("import_definitions", input=json.dumps({"users": [user(queue, password)], "permissions": [read_it]}))


def declare(broker, queue, max_bytes):
    try:
        broker.queue_declare(queue, durable=True, arguments={
            "x-queue-type": "quorum", "x-max-length-bytes": max_bytes, "x-overflow": "drop-head"})
    except pika.exceptions.ChannelClosedByBroker:
        sys.exit(f"error: {queue} exists with another bound; remove it first")


def add(queue, patterns, max_bytes):
    with channel() as broker:
        declare(broker, queue, max_bytes)
        for pattern in patterns:
            broker.queue_bind(queue, "martlet.events", pattern)
        for pattern in patterns_of(queue) - patterns:
            broker.queue_unbind(queue, "martlet.events", pattern)
    print(f"queue {queue} receives {', '.join(sorted(patterns))}")
    if queue in users():
        print(f"user {queue} was there already and keeps its password")
        return
    password = secrets.token_hex(24)
    make_user(queue, password)
    port = os.environ["RABBITMQ_PORT"]
    print(f"amqp://{queue}:{password}@127.0.0.1:{port}/{VHOST}  (shown once)")


def remove(queue):
    with channel() as broker:
        broker.queue_delete(queue)
    if queue in users():
        rabbitmqctl("delete_user", queue)
    print(f"queue and user {queue} are gone")


def main():
    arguments = argparse.ArgumentParser(prog="make integration", description=__doc__)
    arguments.add_argument("name", help="lower-case letters, digits, '_' and '-'; 1 to 40 characters")
    arguments.add_argument("--patterns", default="", help="routing keys with * and #, separated by commas")
    arguments.add_argument("--bytes", type=int, default=64 * 1024 * 1024, help="bound of the queue, 64 MiB unless given")
    arguments.add_argument("--remove", action="store_true")
    options = arguments.parse_args()
    patterns = {pattern.strip() for pattern in options.patterns.split(",")} - {""}
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", options.name):
        sys.exit("error: a name has 1 to 40 lower-case letters, digits, '_' or '-'")
    if options.remove:
        return remove(f"integration.{options.name}")
    if not patterns:
        sys.exit("error: say which events, for example patterns='chats.message.#,users.#'")
    if not all(re.fullmatch(r"[A-Za-z0-9_.*#-]{1,200}", pattern) for pattern in patterns):
        sys.exit("error: a pattern is words of letters and digits joined by dots; * is one word, # any number")
    add(f"integration.{options.name}", patterns, options.bytes)


main()
