"""Takes from an integration's queue until every expected message has arrived; prints how many came, more than once, and not at all.

Expected are lines of `<chat> <seq> <id>` in a file: all there is of these chats. Messages of other chats are passed over.
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
        break  # nothing more comes
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
