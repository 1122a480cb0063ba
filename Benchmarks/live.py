#!/usr/bin/python3
"""A load of connected users that checks deliveries: `live.py [options] <bff URL> …`. Prints a report as JSON.

Each user has several devices. A device reconnects whenever its connection ends, resumes its session or fetches what
it may have missed, and reads all frames. One device of every second user sends. The load ends after --seconds, or
with SIGINT or SIGTERM.

At the end each device of each member must have every acknowledged message: `missing` must be 0. No connection may
receive a message twice or out of order: `twice` and `outOfOrder` must be 0. No partition may be served by two
instances at a time: `partitionsWithTwoOwners` must be 0.
"""
import argparse
import asyncio
import json
import pathlib
import random
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid

import websockets


class Report:
    def __init__(self):
        # Sequence numbers of acknowledged messages, by chat.
        self.acknowledged = {}
        self.received, self.duplicates, self.out_of_order, self.gaps = 0, 0, 0, 0
        self.resumed, self.not_resumed, self.refused, self.two_owners = 0, 0, 0, 0
        # In seconds.
        self.reconnect_times, self.latencies = [], []
        # Counts by close code, and by error code or exception.
        self.closes, self.errors = {}, {}
        # The URL of each connected device, by partition.
        self.connected = {}

    def device_connected(self, device, partition, url):
        """Records a connection, and whether another device of the partition is connected to another instance."""
        urls = self.connected.setdefault(partition, {})
        if any(other != url for other in urls.values()):
            self.two_owners += 1
        urls[device] = url

    def device_disconnected(self, device, partition):
        self.connected.get(partition, {}).pop(device, None)

    def summary(self, devices):
        missing = sum(
            len(seqs - device.seen.get(chat, set()))
            for device in devices for chat, seqs in self.acknowledged.items() if chat in device.user.chats)
        return {
            "devices": len(devices), "acknowledged": sum(map(len, self.acknowledged.values())), "received": self.received,
            "missing": missing, "twice": self.duplicates, "outOfOrder": self.out_of_order,
            "partitionsWithTwoOwners": self.two_owners, "gaps": self.gaps, "reconnects": len(self.reconnect_times),
            "resumed": self.resumed, "notResumed": self.not_resumed, "refused": self.refused,
            "reconnectMs": quantiles(self.reconnect_times), "ackToReceivedMs": quantiles(self.latencies),
            "closes": self.closes, "errors": self.errors,
        }


def quantiles(seconds):
    """Returns the median, the 99th percentile and the maximum in milliseconds; `None` without values."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1)
    return {"p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1] * 1000, 1)}


class APIClient:
    """Sends each request to a random instance of the bff."""

    def __init__(self, urls):
        self.urls = urls

    async def request(self, method, path, body=None, token=None):
        """Returns the status and the decoded body. The status is 0 if the request failed without a response."""
        return await asyncio.to_thread(self.request_blocking, method, path, body, token)

    def request_blocking(self, method, path, body, token):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(random.choice(self.urls) + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None

    async def require(self, *arguments, seconds=120):
        """Repeats a request until it succeeds, and returns the decoded body. Exits when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            status, answer = await self.request(*arguments)
            if 200 <= status < 300:
                return answer
            if time.monotonic() > deadline:
                sys.exit(f"error: {arguments[0]} {arguments[1]} still fails after {seconds} s: status {status}")
            await asyncio.sleep(0.25)


class VirtualUser:
    def __init__(self, api):
        self.api, self.name, self.chats = api, "live" + uuid.uuid4().hex[:12], []

    async def register(self):
        """Registers the user and logs in."""
        body = {"username": self.name, "password": "correct horse battery", "displayName": self.name}
        self.id = (await self.api.require("POST", "/v1/users", body))["id"]
        session = await self.api.require("POST", "/v1/sessions", {"username": self.name, "password": "correct horse battery"})
        self.token, self.refresh, self.url = session["accessToken"], session["refreshToken"], session.get("realtime", {}).get("url")
        return self


class Device:
    """A device of a user: keeps a connection open, and optionally sends."""

    def __init__(self, user, report, api):
        self.user, self.report, self.api = user, report, api
        # Sequence numbers of the messages that the device has, by chat.
        self.seen = {}
        # The cursor of the list of changed chats.
        self.cursor = None
        # What a resume needs: the connection id, and the number of the last frame.
        self.connection, self.n = None, 0
        # The last sequence number received on this connection, by chat.
        self.last = {}
        self.socket, self.partition, self.url = None, None, user.url
        # When the connection was lost; `None` while connected.
        self.lost_at = None
        # Futures of the answers to sends, by reference.
        self.answers = {}
        self.fetching, self.is_stopped, self.ready = asyncio.Lock(), False, asyncio.Event()

    async def run(self):
        """Connects again and again until the device is stopped."""
        while not self.is_stopped:
            try:
                await self.connect()
            except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake, websockets.InvalidMessage) as error:
                self.count(self.report.errors, type(error).__name__)
                self.report.refused += 1
                self.url = None
            except websockets.ConnectionClosed as closed:
                self.count(self.report.closes, str(closed.code))
            self.disconnected()
            if not self.is_stopped:
                await asyncio.sleep(0.05)

    def disconnected(self):
        self.ready.clear()
        if self.lost_at is None:
            self.lost_at = time.monotonic()
        if self.partition is not None:
            self.report.device_disconnected(self, self.partition)
        for answer in self.answers.values():
            if not answer.done():
                answer.cancel()

    async def connect(self):
        """Connects and handles frames until the connection ends."""
        if not self.url:
            status, answer = await self.api.request("GET", "/v1/realtime", None, self.user.token)
            if status != 200:
                return await asyncio.sleep(0.1)
            self.url = answer["url"]
        resume = f"?resume={self.connection}.{self.n}" if self.connection else ""
        protocols = ["martlet.v1", "bearer." + self.user.token]
        async with websockets.connect(
                self.url + resume, subprotocols=protocols, open_timeout=5, ping_interval=None, close_timeout=1) as socket:
            self.socket = socket
            async for text in socket:
                self.handle(json.loads(text))

    def handle(self, frame):
        kind = frame["type"]
        if kind == "hello":
            self.handle_hello(frame)
        else:
            self.n = frame["n"]
        if kind == "message":
            self.handle_message(frame)
        elif kind == "ack":
            self.complete_send(frame["ref"], frame)
        elif kind == "error":
            self.count(self.report.errors, frame["code"])
            self.complete_send(frame.get("ref"), frame)
        elif kind == "gap":
            self.report.gaps += 1
            asyncio.get_running_loop().create_task(self.fetch())
        elif kind == "disconnect":
            self.url = frame.get("url")
            if frame["reason"] == "moved":
                self.connection = None
            self.disconnected()

    def handle_hello(self, frame):
        if self.lost_at is not None:
            self.report.reconnect_times.append(time.monotonic() - self.lost_at)
            if frame["resumed"]:
                self.report.resumed += 1
            else:
                self.report.not_resumed += 1
        self.lost_at = None
        if not frame["resumed"]:
            self.n, self.last = 0, {}
            asyncio.get_running_loop().create_task(self.fetch())
        self.connection, self.partition = frame["connectionId"], frame["partition"]
        self.report.device_connected(self, self.partition, self.url)
        self.ready.set()

    def handle_message(self, frame):
        chat, seq = frame["chatId"], frame["seq"]
        self.report.received += 1
        last = self.last.get(chat, 0)
        if seq == last:
            self.report.duplicates += 1
        elif seq < last:
            self.report.out_of_order += 1
        self.last[chat] = seq
        self.seen.setdefault(chat, set()).add(seq)
        acknowledged_at = ACKNOWLEDGED_AT.get((chat, seq))
        if acknowledged_at is not None:
            self.report.latencies.append(max(0.0, time.monotonic() - acknowledged_at))
        else:
            RECEIVED_EARLY.setdefault((chat, seq), []).append(self.report)

    async def fetch(self):
        """Fetches the missing messages of all chats that have changed. Runs while the connection delivers."""
        async with self.fetching:
            path = "/v1/chats?limit=100" + (f"&changedSince={self.cursor}" if self.cursor else "")
            page = await self.api.require("GET", path, None, self.user.token)
            changed = [chat["id"] for chat in page["items"]]
            for chat in changed:
                await self.fetch_messages(chat)
            self.cursor = page.get("cursor", self.cursor)

    async def fetch_messages(self, chat):
        """Fetches the messages after the last one before which the device has all."""
        known = self.seen.setdefault(chat, set())
        after = 0
        while after + 1 in known:
            after += 1
        while True:
            page = await self.api.require("GET", f"/v1/chats/{chat}/messages?after={after}&limit=100", None, self.user.token)
            known.update(message["seq"] for message in page["items"])
            if len(page["items"]) < 100:
                return
            after = page["items"][-1]["seq"]

    # Sending

    async def send_continuously(self, rate, ended):
        """Sends `rate` messages a second on average, to random chats of the user."""
        for number in range(1_000_000_000):
            await asyncio.sleep(random.uniform(0.5, 1.5) / rate)
            if ended.is_set():
                return
            await self.send(random.choice(self.user.chats), f"{self.user.name}-{number}")

    async def send(self, chat, key):
        """Sends a message, and repeats it with the same idempotency key until it is acknowledged."""
        frame = {"type": "send", "ref": key, "chatId": chat, "clientMessageId": key, "text": f"message {key}"}
        while not self.is_stopped:
            await self.ready.wait()
            answer = self.answers[key] = asyncio.get_running_loop().create_future()
            try:
                await self.socket.send(json.dumps(frame))
                response = await asyncio.wait_for(answer, 5)
                if response["type"] == "ack":
                    return self.record_acknowledged(chat, response["seq"])
            except (asyncio.TimeoutError, asyncio.CancelledError, websockets.ConnectionClosed, OSError):
                pass
            finally:
                self.answers.pop(key, None)
            await asyncio.sleep(0.1)

    def record_acknowledged(self, chat, seq):
        self.report.acknowledged.setdefault(chat, set()).add(seq)
        self.seen.setdefault(chat, set()).add(seq)
        ACKNOWLEDGED_AT[(chat, seq)] = time.monotonic()
        # Deliveries before the acknowledgement count with a latency of 0.
        for report in RECEIVED_EARLY.pop((chat, seq), []):
            report.latencies.append(0.0)

    def complete_send(self, ref, frame):
        answer = self.answers.get(ref)
        if answer and not answer.done():
            answer.set_result(frame)

    @staticmethod
    def count(counts, key):
        counts[key] = counts.get(key, 0) + 1


# By chat and sequence number: the time of the acknowledgement, and a report for each delivery before it.
ACKNOWLEDGED_AT, RECEIVED_EARLY = {}, {}


async def wait_for_deliveries(devices, report, gaps, seconds=60):
    """Waits until each device has every acknowledged message and there were at least `gaps` gap frames."""
    deadline = time.monotonic() + seconds
    while report.gaps < gaps or report.summary(devices)["missing"] > 0:
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.1)


async def wait_for_end_file(directory, ended):
    (directory / "ready").touch()
    while not (directory / "end").exists():
        await asyncio.sleep(0.1)
    ended.set()


def parse_options():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bff", nargs="+", help="base URL of an instance of the bff")
    arguments.add_argument("--people", type=int, default=40, help="number of users; default 40")
    arguments.add_argument("--devices", type=int, default=3, help="devices per user; default 3")
    arguments.add_argument("--rate", type=float, default=1, help="messages a second per sending device; default 1")
    arguments.add_argument("--seconds", type=float, default=0, help="length of the load; 0, the default, means until a signal")
    arguments.add_argument(
        "--gate", metavar="DIRECTORY",
        help="create the file `ready` there once all devices are connected, and end when the file `end` exists")
    arguments.add_argument(
        "--gaps", action="store_true", help="before the report, wait up to 60 s for as many gap frames as there are devices")
    return arguments.parse_args()


async def main():
    options = parse_options()
    api, report, ended = APIClient(options.bff), Report(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    users = [await VirtualUser(api).register() for _ in range(options.people)]
    for index, user in enumerate(users):
        other = users[(index + 1) % len(users)]
        chat = (await api.require("POST", "/v1/chats", {"kind": "direct", "members": [other.id]}, user.token))["id"]
        user.chats.append(chat)
        other.chats.append(chat)
    devices = [Device(user, report, api) for user in users for _ in range(options.devices)]
    connections = [asyncio.create_task(device.run()) for device in devices]
    await asyncio.gather(*(device.ready.wait() for device in devices))
    print("ready", file=sys.stderr, flush=True)
    if options.gate:
        asyncio.create_task(wait_for_end_file(pathlib.Path(options.gate), ended))
    senders = [asyncio.create_task(device.send_continuously(options.rate, ended)) for device in devices[:: 2 * options.devices]]
    try:
        await asyncio.wait_for(ended.wait(), options.seconds or None)
    except asyncio.TimeoutError:
        ended.set()
    await asyncio.wait(senders, timeout=30)
    await wait_for_deliveries(devices, report, len(devices) if options.gaps else 0)
    print(json.dumps(report.summary(devices), indent=1), flush=True)
    for device in devices:
        device.is_stopped = True
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


asyncio.run(main())
