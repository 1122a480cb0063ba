#!/usr/bin/python3 -B
"""Creates a queue of events for an external program, and a broker user that can only read this queue.

The queue is bounded: when it is full, it drops its oldest events. Other consumers are not affected.
Run the command again to replace the patterns. The password is printed only when the user is created.
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
    """Runs rabbitmqctl in the stack that the environment names, and returns its output."""
    command = [os.environ["STACK_SCRIPT"], os.environ["STACK_DIRECTORY"], "rabbitmqctl", "--quiet", *arguments]
    result = subprocess.run(command, input=input, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: rabbitmqctl {arguments[0]}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def user_names():
    return {row["user"] for row in json.loads(rabbitmqctl("list_users", "--formatter", "json"))}


def bound_patterns(queue):
    rows = json.loads(rabbitmqctl("list_bindings", "-p", VHOST, "--formatter", "json"))
    return {row["routing_key"] for row in rows if row["destination_name"] == queue and row["source_name"]}


def open_channel():
    credentials = pika.PlainCredentials("operator", os.environ["OPERATOR_PASSWORD"])
    parameters = pika.ConnectionParameters("127.0.0.1", int(os.environ["RABBITMQ_PORT"]), VHOST, credentials)
    return pika.BlockingConnection(parameters).channel()


def create_user(queue, password):
    permission = {"user": queue, "vhost": VHOST, "configure": "^$", "write": "^$", "read": f"^{re.escape(queue)}$"}
    rabbitmqctl("import_definitions", input=json.dumps({"users": [user(queue, password)], "permissions": [permission]}))


def declare(channel, queue, max_bytes):
    try:
        channel.queue_declare(queue, durable=True, arguments={
            "x-queue-type": "quorum", "x-max-length-bytes": max_bytes, "x-overflow": "drop-head"})
    except pika.exceptions.ChannelClosedByBroker:
        sys.exit(f"error: queue {queue} exists with another limit; remove the integration first")


def add(queue, patterns, max_bytes):
    with open_channel() as channel:
        declare(channel, queue, max_bytes)
        for pattern in patterns:
            channel.queue_bind(queue, "martlet.events", pattern)
        for pattern in bound_patterns(queue) - patterns:
            channel.queue_unbind(queue, "martlet.events", pattern)
    print(f"queue {queue} receives {', '.join(sorted(patterns))}")
    if queue in user_names():
        print(f"user {queue} exists and keeps its password")
        return
    password = secrets.token_hex(24)
    create_user(queue, password)
    port = os.environ["RABBITMQ_PORT"]
    print(f"amqp://{queue}:{password}@127.0.0.1:{port}/{VHOST}  (shown once)")


def remove(queue):
    with open_channel() as channel:
        channel.queue_delete(queue)
    if queue in user_names():
        rabbitmqctl("delete_user", queue)
    print(f"queue and user {queue} removed")


def main():
    arguments = argparse.ArgumentParser(prog="make integration", description=__doc__)
    arguments.add_argument("name", help="name of the integration: 1 to 40 lower-case letters, digits, '_' or '-'")
    arguments.add_argument("--patterns", default="", help="routing key patterns with * and #, separated by commas")
    arguments.add_argument("--bytes", type=int, default=64 * 1024 * 1024, help="size limit of the queue; default 64 MiB")
    arguments.add_argument("--remove", action="store_true", help="remove the queue and the user")
    options = arguments.parse_args()
    patterns = {pattern.strip() for pattern in options.patterns.split(",")} - {""}
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", options.name):
        sys.exit("error: name must have 1 to 40 lower-case letters, digits, '_' or '-', and begin with a letter or digit")
    if options.remove:
        return remove(f"integration.{options.name}")
    if not patterns:
        sys.exit("error: patterns is missing; for example patterns='chats.message.#,users.#'")
    if not all(re.fullmatch(r"[A-Za-z0-9_.*#-]{1,200}", pattern) for pattern in patterns):
        sys.exit("error: a pattern must consist of words of letters and digits joined by dots; * is one word, # any number")
    add(f"integration.{options.name}", patterns, options.bytes)


main()
