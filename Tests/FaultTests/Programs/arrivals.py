"""Consumes the queue of an integration until every expected message has arrived, and prints the counts as JSON.

Arguments: address, queue, file. The file lists all messages of some chats as lines of `<chat> <seq> <id>`; messages of
other chats are ignored. Gives up after 60 seconds without an event.

Counts: `arrived` messages, deliveries that came `again`, `missing` messages, and `unknown` messages of these chats.
"""
import json
import sys

import pika

address, queue, file = sys.argv[1:]
expected = set(open(file).read().splitlines())
chats = {line.split()[0] for line in expected}
arrived, again = set(), 0
channel = pika.BlockingConnection(pika.URLParameters(address)).channel()
channel.basic_qos(prefetch_count=500)
for method, properties, body in channel.consume(queue, inactivity_timeout=60):
    if method is None:
        break  # no event for 60 s
    for message in json.loads(body)["messages"]:
        if message["chatId"] not in chats:
            continue
        line = f"{message['chatId']} {message['seq']} {message['id']}"
        again += line in arrived
        arrived.add(line)
    channel.basic_ack(method.delivery_tag)
    if expected <= arrived:
        break
print(json.dumps({"arrived": len(arrived), "again": again, "missing": len(expected - arrived), "unknown": len(arrived - expected)}))
