"""Attempts what the broker must deny to the user of an integration, and prints the reply code of each attempt.

Arguments: address of the user, a queue of another owner.
"""
import sys

import pika

address, foreign_queue = sys.argv[1], sys.argv[2]


def publish(channel, exchange, key):
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, b"{}")


attempts = {
    "consume": lambda channel: channel.basic_get(foreign_queue),
    "publish": lambda channel: publish(channel, "martlet.events", "users.user.registered.v1"),
    "default": lambda channel: publish(channel, "", foreign_queue),
    "declare": lambda channel: channel.queue_declare("mine"),
    "bind": lambda channel: channel.queue_bind(foreign_queue, "martlet.events", "#"),
}
for name, attempt in attempts.items():
    connection = pika.BlockingConnection(pika.URLParameters(address))
    try:
        attempt(connection.channel())
        print(f"{name}: allowed")
    except pika.exceptions.ChannelClosedByBroker as refusal:
        print(f"{name}: {refusal.reply_code}")
    connection.close()
