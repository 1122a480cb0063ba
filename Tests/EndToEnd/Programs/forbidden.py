"""Tries what an integration's user must not do, and prints the broker's answer to each."""
import sys

import pika

address, others = sys.argv[1], sys.argv[2]


def publish(channel, exchange, key):
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, b"{}")


attempts = {
    "consume": lambda channel: channel.basic_get(others),
    "publish": lambda channel: publish(channel, "martlet.events", "users.user.registered.v1"),
    "default": lambda channel: publish(channel, "", others),
    "declare": lambda channel: channel.queue_declare("mine"),
    "bind": lambda channel: channel.queue_bind(others, "martlet.events", "#"),
}
for name, attempt in attempts.items():
    connection = pika.BlockingConnection(pika.URLParameters(address))
    try:
        attempt(connection.channel())
        print(f"{name}: allowed")
    except pika.exceptions.ChannelClosedByBroker as refusal:
        print(f"{name}: {refusal.reply_code}")
    connection.close()
