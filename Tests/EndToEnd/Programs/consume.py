"""Consumes the events of a queue and prints each message of one chat as a line of JSON.

Arguments: address, queue, chat, number of messages. Exits when there are as many messages, or with an error after 60
seconds without an event.
"""
import json
import sys

import pika

address, queue, chat, expected = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
channel = pika.BlockingConnection(pika.URLParameters(address)).channel()
seen = set()
for method, properties, body in channel.consume(queue, inactivity_timeout=60):
    if method is None:
        sys.exit(f"error: {len(seen)} of {expected} messages received, and no event for 60 s")
    headers = properties.headers
    assert headers["cloudEvents_specversion"] == "1.0", headers
    assert headers["cloudEvents_type"] == method.routing_key == "chats.message.sent.v1", headers
    assert headers["cloudEvents_id"] and properties.content_type == "application/json", headers
    for message in json.loads(body)["messages"]:
        if message["chatId"] == chat and message["seq"] not in seen:
            seen.add(message["seq"])
            print(json.dumps(message))
    channel.basic_ack(method.delivery_tag)
    if len(seen) >= expected:
        break
