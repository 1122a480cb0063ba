"""Sends messages over many connections at once, each as fast as it gets responses, and prints the results as JSON.

Arguments: port, token, chat, connections, seconds.
Results: counts by `statuses`, refusals `withoutRetryAfter`, `broken` connections, `accepted` messages, and the `slowest`
and `median` duration of accepted messages in seconds.
"""
import asyncio
import collections
import itertools
import json
import resource
import sys
import time

port, token, chat, connections, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
statuses, accepted, without_retry, broken = collections.Counter(), [], 0, 0
numbers = itertools.count()
# Bounds concurrent connects: beyond the backlog of the listener, a connect waits for the kernel's retry.
connects = asyncio.Semaphore(50)


def request():
    body = json.dumps({"clientMessageId": f"flood-{time.time_ns()}-{next(numbers)}", "text": "flood"})
    head = f"POST /v1/chats/{chat}/messages HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def send(reader, writer):
    global without_retry
    start = time.monotonic()
    writer.write(request())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status = int(head.split()[1])
    length = next((int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    statuses[status] += 1
    if status in (200, 201):
        accepted.append(time.monotonic() - start)
    elif "retry-after:" not in head:
        without_retry += 1


async def client(end):
    global broken
    while time.monotonic() < end:
        try:
            async with connects:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while time.monotonic() < end:
                await send(reader, writer)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            broken += 1
            await asyncio.sleep(0.1)


async def main():
    end = time.monotonic() + seconds
    await asyncio.gather(*(client(end) for _ in range(connections)))


hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
asyncio.run(main())
accepted.sort()
print(json.dumps({
    "statuses": statuses, "withoutRetryAfter": without_retry, "broken": broken,
    "accepted": len(accepted), "slowest": accepted[-1] if accepted else 0, "median": accepted[len(accepted) // 2] if accepted else 0,
}))
