#!/usr/bin/python3
"""Prints the RabbitMQ definitions of one Martlet virtual host: exchanges, and the permissions of each service.

The rows of scripts/services determine the permissions. --secrets adds the users with their passwords.
"""
import argparse
import base64
import hashlib
import json
import os
import pathlib
import secrets

EXCHANGES = {
    "martlet.rpc": "topic", "martlet.replies": "direct", "martlet.events": "topic", "martlet.notices": "topic", "martlet.dead": "topic",
    # A topic exchange, because a delivery has many routing keys: the direct exchange of RabbitMQ 3.10 would scan
    # all bindings for each.
    "martlet.delivery": "topic"}


def services():
    """Yields each service with the services that it may call, and its access to deliveries."""
    for line in (pathlib.Path(__file__).parent / "services").read_text().splitlines():
        if not line.startswith("#"):
            name, _, _, calls, _, deliveries = line.split()
            yield name, [] if calls == "-" else calls.split(","), deliveries


def permissions(vhost, name, calls, deliveries):
    """Returns the permissions and the topic permissions of a service."""
    own = rf"{name}\..*"
    common = ["rpc", "replies", "events", "notices", "dead"]
    read = "|".join(common + (["delivery"] if deliveries == "consume" else []))
    write = "|".join(common + (["delivery"] if deliveries != "-" else []))
    topics = {
        "martlet.rpc": (f"^({'|'.join(calls)})$", f"^{name}$"),
        "martlet.events": (rf"^{name}\.", ".*"),
        # Transient broadcasts between running processes.
        "martlet.notices": (rf"^{name}\.", ".*"),
        # The service's dead letters, and replays from there to its work queues.
        "martlet.dead": (rf"^{name}(\.work\..*)?$", rf"^{name}(\.work\..*)?$"),
    }
    general = {
        "user": name, "vhost": vhost,
        "configure": f"^{own}$", "write": rf"^(martlet\.({write})|{own})$", "read": rf"^(martlet\.({read})|{own})$",
    }
    return general, [
        {"user": name, "vhost": vhost, "exchange": exchange, "write": write, "read": read}
        for exchange, (write, read) in topics.items()
    ]


def bus(vhost):
    pairs = [permissions(vhost, *service) for service in services()]
    return {
        "vhosts": [{"name": vhost}],
        "permissions": [general for general, _ in pairs],
        "topic_permissions": [topic for _, topics in pairs for topic in topics],
        "exchanges": [
            {"name": name, "vhost": vhost, "type": kind, "durable": True, "auto_delete": False, "arguments": {}}
            for name, kind in EXCHANGES.items()
        ],
    }


def password(directory, user):
    """Returns the password in the file rabbitmq.<user>; generates one if the file does not exist."""
    file = pathlib.Path(directory) / f"rabbitmq.{user}"
    if not file.exists():
        with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:
            new.write(secrets.token_hex(24) + "\n")
    return file.read_text().strip()


def user(name, password, tags=""):
    salt = secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name, "tags": tags,
        "password_hash": base64.b64encode(salt + digest).decode(), "hashing_algorithm": "rabbit_password_hashing_sha256",
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("vhost", help="name of the virtual host")
    arguments.add_argument(
        "--secrets", metavar="DIRECTORY",
        help="also define the users, each with the password in DIRECTORY/rabbitmq.<user>; missing passwords are generated")
    arguments.add_argument(
        "--administrators", nargs="*", default=[], metavar="USER", help="users with all rights in the virtual host")
    options = arguments.parse_args()
    result = bus(options.vhost)
    for name in options.administrators:
        result["permissions"].append(
            {"user": name, "vhost": options.vhost, "configure": ".*", "write": ".*", "read": ".*"})
    if options.secrets:
        result["users"] = [user(name, password(options.secrets, name)) for name, _, _ in services()]
        result["users"] += [user(name, password(options.secrets, name), "administrator") for name in options.administrators]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
