"""HTTP and WebSocket clients for scenarios, built on independent libraries.

Every received frame is validated against docs/asyncapi.yaml.
"""
import asyncio
import copy
import http.client
import json
import secrets
import urllib.parse
import uuid

import jsonschema
import websockets
import yaml

PASSWORD = "correct horse battery"
# Seconds. Long, because the machine may be slow. It bounds waiting for events; no scenario waits for time to pass.
TIMEOUT = 60


class Document:
    """The schemas of the frames that the server sends, by type. Undocumented fields are errors."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
        components = self._without_additional_properties(copy.deepcopy(document["components"]))
        self._validators = {}
        for operation in document["operations"].values():
            sent = operation["messages"] if operation["action"] == "send" else operation["reply"]["messages"]
            for reference in sent:
                message = components["messages"][reference["$ref"].rsplit("/", 1)[1]]
                schema = {"components": components, **message["payload"]}
                self._validators[message["name"]] = jsonschema.Draft7Validator(schema)

    def _without_additional_properties(self, part):
        if isinstance(part, dict):
            for value in part.values():
                self._without_additional_properties(value)
            if part.get("type") == "object":
                part["additionalProperties"] = False
        elif isinstance(part, list):
            for value in part:
                self._without_additional_properties(value)
        return part

    def check(self, frame):
        assert frame["type"] in self._validators, f"{frame} has a type that is not documented"
        errors = [error.message for error in self._validators[frame["type"]].iter_errors(frame)]
        assert not errors, f"{frame} does not match its schema: {errors}"


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()
        self.json = json.loads(self.text) if self.text else {}


class APIClient:
    def __init__(self, bff, document):
        self.bff = urllib.parse.urlsplit(bff)
        self.document = Document(document)

    async def request(self, method, path, body=None, token=None, headers=(), at=None):
        """Sends a request to the bff, or to the server `at` a URL, and returns the response."""

        def send():
            address = urllib.parse.urlsplit(at) if at else self.bff
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
            fields = {"Content-Type": "application/json"} if body is not None else {}
            if token:
                fields["Authorization"] = f"Bearer {token}"
            connection.request(method, path, json.dumps(body) if body is not None else None, {**fields, **dict(headers)})
            try:
                return Response(connection.getresponse())
            finally:
                connection.close()

        return await asyncio.to_thread(send)

    async def register(self, name):
        """Registers a user whose username begins with `name`, and logs in."""
        username = f"{name}_{secrets.token_hex(8)}"
        body = {"username": username, "password": PASSWORD, "displayName": name}
        assert (answer := await self.request("POST", "/v1/users", body)).status == 201, answer.text
        return await self.log_in(username)

    async def register_all(self, *names):
        return await asyncio.gather(*(self.register(name) for name in names))

    async def log_in(self, username, device="python"):
        answer = await self.request("POST", "/v1/sessions", {"username": username, "password": PASSWORD, "device": device})
        assert answer.status == 201, answer.text
        return User(self, username, answer.json)


class User:
    """A user with a session."""

    def __init__(self, api, username, session):
        self.api, self.username, self.token = api, username, session["accessToken"]
        self.id, self.realtime = session["user"]["id"], session["realtime"]

    async def request(self, method, path, body=None):
        return await self.api.request(method, path, body, self.token)

    async def get(self, path):
        return await self.call("GET", path)

    async def call(self, method, path, body=None):
        """Sends a request that must succeed, and returns the decoded body."""
        answer = await self.request(method, path, body)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    async def log_in_again(self, device):
        """Returns the same user with another session."""
        return await self.api.log_in(self.username, device)

    async def become_contact_of(self, other):
        await self.call("POST", f"/v1/connections/{other.id}/invite")
        await other.call("POST", f"/v1/connections/{self.id}/accept")

    async def open_chat(self, other):
        return (await self.call("POST", "/v1/chats", {"kind": "direct", "members": [other.id]}))["id"]

    async def create_group(self, *others):
        body = {"kind": "group", "title": "Live", "members": [other.id for other in others]}
        return (await self.call("POST", "/v1/chats", body))["id"]

    async def send_message(self, chat, text, key=None):
        return await self.call(
            "POST", f"/v1/chats/{chat}/messages", {"clientMessageId": key or str(uuid.uuid4()), "text": text}
        )

    async def connect(self, resume=None):
        return await Device.connect(self, resume)


class Device:
    """A live connection. Checks that its frames are numbered without gaps."""

    @classmethod
    async def connect(cls, user, resume=None, **options):
        self = cls()
        self.user = user
        url = user.realtime["url"] + (f"?resume={resume}" if resume else "")
        options = options or {"subprotocols": ["martlet.v1", f"bearer.{user.token}"]}
        self.socket = await websockets.connect(url, ping_interval=None, open_timeout=TIMEOUT, max_queue=None, **options)
        self.hello = await self._read_frame()
        assert self.hello["type"] == "hello", f"{self.hello} came first"
        assert "n" not in self.hello, self.hello
        self.n = int(resume.rsplit(".", 1)[1]) if self.hello["resumed"] else 0
        return self

    @property
    def position(self):
        """The value of `resume` with which this connection can be resumed."""
        return f"{self.hello['connectionId']}.{self.n}"

    async def _read_frame(self):
        frame = json.loads(await asyncio.wait_for(self.socket.recv(), TIMEOUT))
        self.user.api.document.check(frame)
        return frame

    async def next_frame(self):
        frame = await self._read_frame()
        assert frame["n"] == self.n + 1, f"after {self.n} came {frame}"
        self.n += 1
        return frame

    async def receive_until(self, type, **fields):
        """Receives up to a frame of this type with these fields. Returns all received frames; that frame is the last."""
        frames = []
        while True:
            frames.append(await self.next_frame())
            if frames[-1]["type"] == type and all(frames[-1].get(name) == value for name, value in fields.items()):
                return frames

    async def receive(self, type, **fields):
        return (await self.receive_until(type, **fields))[-1]

    async def messages(self, chat, last):
        """Receives up to the message with seq `last` of a chat. Returns the seqs of all received messages of the chat."""
        frames = await self.receive_until("message", chatId=chat, seq=last)
        return [frame["seq"] for frame in frames if frame["type"] == "message" and frame["chatId"] == chat]

    async def send_frame(self, type, **fields):
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def send_message(self, chat, text, key=None, ref="r", **more):
        """Sends a message. Returns all frames up to its answer, which is the last."""
        key = str(uuid.uuid4()) if key is None else key
        await self.send_frame("send", ref=ref, chatId=chat, clientMessageId=key, text=text, **more)
        frames = []
        while not frames or frames[-1].get("ref") != ref:
            frames.append(await self.next_frame())
        return frames

    async def close_code(self):
        """Waits until the server closes the connection, and returns the close code."""
        try:
            frame = await self._read_frame()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        raise AssertionError(f"received {frame} instead of a close")

    async def close(self):
        await self.socket.close()
