"""Attempts operations as the broker user of each service and prints lines of `<user> <attempt>: <result>`.

The result is `allowed` or the reply code of the broker. RightsTests parses the lines.
Arguments: port of the broker, directory of the secrets, services separated by commas.
"""
import pathlib
import sys

import pika

port, secrets, services = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3].split(",")


def publish(exchange, key, **properties):
    return lambda channel: channel.basic_publish(exchange, key, b"{}", pika.BasicProperties(**properties))


def bind(name, exchange, key):
    def attempt(channel):
        channel.queue_declare(f"{name}.rights", exclusive=True)
        channel.queue_bind(f"{name}.rights", exchange, key)

    return attempt


def declare_delivery_queue(name):
    """Declares a queue as the delivery feed does: dropped deliveries are dead-lettered with a key of the service."""
    return lambda channel: channel.queue_declare(
        f"{name}.rights.dropped", exclusive=True,
        arguments={"x-dead-letter-exchange": "martlet.delivery", "x-dead-letter-routing-key": f"dropped.{name}"})


def get(queue):
    return lambda channel: channel.basic_get(queue)


def attempts(name):
    yield "writes to the default exchange", publish("", f"{name}.rpc")
    yield "removes an exchange", lambda channel: channel.exchange_delete("martlet.events")
    yield "speaks as operator", publish("martlet.events", f"{name}.right.tried.v1", user_id="operator")
    yield "tells live connections", publish("martlet.delivery", "0")
    yield "hears for live connections", bind(name, "martlet.delivery", "0")
    yield "has dropped deliveries noted", declare_delivery_queue(name)
    for other in services:
        # The message names no caller, so the service that receives it refuses the call.
        yield f"calls {other}", publish("martlet.rpc", other)
        yield f"tells a fact of {other}", publish("martlet.events", f"{other}.right.tried.v1")
        yield f"gives a notice of {other}", publish("martlet.notices", f"{other}.right.tried.v1")
        yield f"hears calls to {other}", bind(name, "martlet.rpc", other)
        if other == name:
            continue
        yield f"speaks as {other}", publish("martlet.events", f"{name}.right.tried.v1", user_id=other)
        yield f"gives {other} a dead letter", publish("martlet.dead", f"{other}.work.tried")
        yield f"makes a queue of {other}", lambda channel, other=other: channel.queue_declare(f"{other}.rights")
        for queue in ("rpc", f"replies.{other}-1", "work.blocks", "dead"):
            yield f"reads {other}.{queue}", get(f"{other}.{queue}")


def result_of(attempt, connection):
    channel = connection.channel()
    try:
        channel.confirm_delivery()
        attempt(channel)
        channel.close()
        return "allowed"
    except pika.exceptions.ChannelClosedByBroker as refusal:
        return refusal.reply_code


for name in services:
    login = pika.PlainCredentials(name, (secrets / f"rabbitmq.{name}").read_text().strip())
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port, "martlet", login))
    for what, attempt in attempts(name):
        print(f"{name} {what}: {result_of(attempt, connection)}")
    connection.close()
