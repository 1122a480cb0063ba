#!/usr/bin/python3
"""People who are connected and talk, and a report of what they saw: `live.py [options] <bff> …`, ended by --seconds or a signal.

Every device reads all that its user is shown, resumes or fetches what it may have missed, and comes back whenever its socket goes; half of
them send. At the end whatever was acknowledged must have been seen by every device of every member, and nothing twice on one connection.
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
        self.acknowledged, self.shown, self.gaps, self.resumed, self.anew = {}, 0, 0, 0, 0
        self.twice, self.disorder, self.overlaps, self.refused, self.errors = 0, 0, 0, 0, {}
        self.blinks, self.latencies, self.closes = [], [], {}
        self.here = {}

    def arrived(self, device, partition, url):
        """Whoever else of this partition has a socket, and was not told to leave it, must have it at the same instance."""
        others = self.here.setdefault(partition, {})
        if any(other != url for other in others.values()):
            self.overlaps += 1
        others[device] = url

    def left(self, device, partition):
        self.here.get(partition, {}).pop(device, None)

    def summary(self, devices):
        missing = sum(
            len(seqs - device.seen.get(chat, set()))
            for device in devices for chat, seqs in self.acknowledged.items() if chat in device.person.chats)
        return {
            "devices": len(devices), "acknowledged": sum(map(len, self.acknowledged.values())), "shown": self.shown, "missing": missing,
            "twice": self.twice, "outOfOrder": self.disorder, "partitionsWithTwoOwners": self.overlaps, "gaps": self.gaps,
            "reconnects": len(self.blinks), "resumed": self.resumed, "anew": self.anew, "refused": self.refused,
            "reconnectMs": quantiles(self.blinks), "ackToReceivedMs": quantiles(self.latencies), "closes": self.closes,
            "errors": self.errors,
        }


def quantiles(seconds):
    if not seconds:
        return None
    ordered = sorted(seconds)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1)
    return {"p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1] * 1000, 1)}


class API:
    def __init__(self, urls):
        self.urls = urls

    async def send(self, method, path, body=None, token=None):
        return await asyncio.to_thread(self.request, method, path, body, token)

    def request(self, method, path, body, token):
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

    async def must(self, *arguments, seconds=120):
        end = time.monotonic() + seconds
        while True:
            status, answer = await self.send(*arguments)
            if 200 <= status < 300:
                return answer
            if time.monotonic() > end:
                sys.exit(f"{arguments[0]} {arguments[1]}: {status}")
            await asyncio.sleep(0.25)


class Person:
    def __init__(self, api):
        self.api, self.name, self.chats = api, "live" + uuid.uuid4().hex[:12], []

    async def register(self):
        body = {"username": self.name, "password": "correct horse battery", "displayName": self.name}
        self.id = (await self.api.must("POST", "/v1/users", body))["id"]
        session = await self.api.must("POST", "/v1/sessions", {"username": self.name, "password": "correct horse battery"})
        self.token, self.refresh, self.url = session["accessToken"], session["refreshToken"], session.get("realtime", {}).get("url")
        return self


class Device:
    def __init__(self, person, report, api):
        self.person, self.report, self.api = person, report, api
        self.seen, self.cursor, self.connection, self.n, self.last = {}, None, None, 0, {}
        self.socket, self.partition, self.url, self.lost = None, None, person.url, None
        self.acks, self.fetching, self.is_over, self.ready = {}, asyncio.Lock(), False, asyncio.Event()

    async def live(self):
        while not self.is_over:
            try:
                await self.connect()
            except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake, websockets.InvalidMessage) as problem:
                self.count(self.report.errors, type(problem).__name__)
                self.report.refused += 1
                self.url = None
            except websockets.ConnectionClosed as closed:
                self.count(self.report.closes, str(closed.code))
            self.gone()
            if not self.is_over:
                await asyncio.sleep(0.05)

    def gone(self):
        self.ready.clear()
        if self.lost is None:
            self.lost = time.monotonic()
        if self.partition is not None:
            self.report.left(self, self.partition)
        for waiter in self.acks.values():
            if not waiter.done():
                waiter.cancel()

    async def connect(self):
        if not self.url:
            status, answer = await self.api.send("GET", "/v1/realtime", None, self.person.token)
            if status != 200:
                return await asyncio.sleep(0.1)
            self.url = answer["url"]
        resume = f"?resume={self.connection}.{self.n}" if self.connection else ""
        protocols = ["martlet.v1", "bearer." + self.person.token]
        async with websockets.connect(self.url + resume, subprotocols=protocols, open_timeout=5, ping_interval=None, close_timeout=1) as socket:
            self.socket = socket
            async for text in socket:
                await self.take(json.loads(text), socket)

    async def take(self, frame, socket):
        kind = frame["type"]
        if kind == "hello":
            await self.hello(frame)
        else:
            self.n = frame["n"]
        if kind == "message":
            self.shown(frame)
        elif kind == "ack":
            self.noted(frame["ref"], frame)
        elif kind == "error":
            self.count(self.report.errors, frame["code"])
            self.noted(frame.get("ref"), frame)
        elif kind == "gap":
            self.report.gaps += 1
            asyncio.get_running_loop().create_task(self.fetch())
        elif kind == "disconnect":
            self.url = frame.get("url")
            if frame["reason"] == "moved":
                self.connection = None
            self.gone()

    async def hello(self, frame):
        if self.lost is not None:
            self.report.blinks.append(time.monotonic() - self.lost)
            if frame["resumed"]:
                self.report.resumed += 1
            else:
                self.report.anew += 1
        self.lost = None
        if not frame["resumed"]:
            self.n, self.last = 0, {}
            asyncio.get_running_loop().create_task(self.fetch())
        self.connection, self.partition = frame["connectionId"], frame["partition"]
        self.report.arrived(self, self.partition, self.url)
        self.ready.set()

    def shown(self, frame):
        chat, seq = frame["chatId"], frame["seq"]
        self.report.shown += 1
        last = self.last.get(chat, 0)
        if seq == last:
            self.report.twice += 1
        elif seq < last:
            self.report.disorder += 1
        self.last[chat] = seq
        self.seen.setdefault(chat, set()).add(seq)
        at = SENT.get((chat, seq))
        if at is not None:
            self.report.latencies.append(max(0.0, time.monotonic() - at))
        else:
            EARLY.setdefault((chat, seq), []).append(self.report)

    async def fetch(self):
        """Listen first, then fetch, then drop what is there twice."""
        async with self.fetching:
            path = "/v1/chats?limit=100" + (f"&changedSince={self.cursor}" if self.cursor else "")
            page = await self.api.must("GET", path, None, self.person.token)
            changed = [chat["id"] for chat in page["items"]]
            for chat in changed:
                await self.read(chat)
            self.cursor = page.get("cursor", self.cursor)

    async def read(self, chat):
        known = self.seen.setdefault(chat, set())
        after = 0
        while after + 1 in known:
            after += 1
        while True:
            page = await self.api.must("GET", f"/v1/chats/{chat}/messages?after={after}&limit=100", None, self.person.token)
            known.update(message["seq"] for message in page["items"])
            if len(page["items"]) < 100:
                return
            after = page["items"][-1]["seq"]

    # Sending

    async def talk(self, rate, over):
        for turn in range(1_000_000_000):
            await asyncio.sleep(random.uniform(0.5, 1.5) / rate)
            if over.is_set():
                return
            await self.say(random.choice(self.person.chats), f"{self.person.name}-{turn}")

    async def say(self, chat, key):
        """Again with its key until it is acknowledged."""
        frame = {"type": "send", "ref": key, "chatId": chat, "clientMessageId": key, "text": "what " + key + " has to say"}
        while not self.is_over:
            await self.ready.wait()
            waiter = self.acks[key] = asyncio.get_running_loop().create_future()
            try:
                await self.socket.send(json.dumps(frame))
                answer = await asyncio.wait_for(waiter, 5)
                if answer["type"] == "ack":
                    return self.acknowledged(chat, answer["seq"])
            except (asyncio.TimeoutError, asyncio.CancelledError, websockets.ConnectionClosed, OSError):
                pass
            finally:
                self.acks.pop(key, None)
            await asyncio.sleep(0.1)

    def acknowledged(self, chat, seq):
        self.report.acknowledged.setdefault(chat, set()).add(seq)
        self.seen.setdefault(chat, set()).add(seq)
        SENT[(chat, seq)] = time.monotonic()
        # Whoever had it before its sender was told has it after no time at all.
        for report in EARLY.pop((chat, seq), []):
            report.latencies.append(0.0)

    def noted(self, ref, frame):
        waiter = self.acks.get(ref)
        if waiter and not waiter.done():
            waiter.set_result(frame)

    @staticmethod
    def count(table, key):
        table[key] = table.get(key, 0) + 1


SENT, EARLY = {}, {}


async def all_seen(devices, report, gaps, seconds=60):
    """Whatever is on its way arrives; what somebody may have missed they have been told of, `gaps` times at least."""
    end = time.monotonic() + seconds
    while report.gaps < gaps or report.summary(devices)["missing"] > 0:
        if time.monotonic() > end:
            return
        await asyncio.sleep(0.1)


async def gate(directory, over):
    (directory / "ready").touch()
    while not (directory / "end").exists():
        await asyncio.sleep(0.1)
    over.set()


async def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("bff", nargs="+")
    arguments.add_argument("--people", type=int, default=40)
    arguments.add_argument("--devices", type=int, default=3, help="of each")
    arguments.add_argument("--rate", type=float, default=1, help="messages a second of each who talks")
    arguments.add_argument("--seconds", type=float, default=0, help="0: until SIGINT or SIGTERM")
    arguments.add_argument("--gate", metavar="DIRECTORY", help="makes `ready` there, and goes on until there is `end`")
    arguments.add_argument("--gaps", action="store_true", help="waits at the end until there were as many gaps as devices")
    options = arguments.parse_args()
    api, report, over = API(options.bff), Report(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    people = [await Person(api).register() for _ in range(options.people)]
    for index, person in enumerate(people):
        other = people[(index + 1) % len(people)]
        chat = (await api.must("POST", "/v1/chats", {"kind": "direct", "members": [other.id]}, person.token))["id"]
        person.chats.append(chat)
        other.chats.append(chat)
    devices = [Device(person, report, api) for person in people for _ in range(options.devices)]
    lives = [asyncio.create_task(device.live()) for device in devices]
    await asyncio.gather(*(device.ready.wait() for device in devices))
    print("ready", file=sys.stderr, flush=True)
    if options.gate:
        asyncio.create_task(gate(pathlib.Path(options.gate), over))
    talks = [asyncio.create_task(device.talk(options.rate, over)) for device in devices[:: 2 * options.devices]]
    try:
        await asyncio.wait_for(over.wait(), options.seconds or None)
    except asyncio.TimeoutError:
        over.set()
    await asyncio.wait(talks, timeout=30)
    await all_seen(devices, report, len(devices) if options.gaps else 0)
    print(json.dumps(report.summary(devices), indent=1), flush=True)
    for device in devices:
        device.is_over = True
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)


asyncio.run(main())
