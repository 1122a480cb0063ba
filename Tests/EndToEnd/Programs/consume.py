"""Prints every message of one chat that arrives at a queue, a line of JSON each, until there are as many as expected."""
import json
import sys

import pika

address, queue, chat, expected = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
channel = pika.BlockingConnection(pika.URLParameters(address)).channel()
seen = set()
for method, properties, body in channel.consume(queue, inactivity_timeout=60):
    if method is None:
        sys.exit(f"after 60 quiet seconds {len(seen)} of {expected} had arrived")
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
