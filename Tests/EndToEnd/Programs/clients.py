"""People over HTTP and their devices over WebSocket, with a library that is not ours. Every frame that comes is held against docs/asyncapi.yaml."""
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
# Long, as the machine may be slow: for what ought to have come, never to give something time.
PATIENCE = 60


class Document:
    """The schemas of what the server sends, by type; a field that stands in none of them is a complaint too."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
        components = self._closed(copy.deepcopy(document["components"]))
        self._validators = {}
        for operation in document["operations"].values():
            sent = operation["messages"] if operation["action"] == "send" else operation["reply"]["messages"]
            for reference in sent:
                message = components["messages"][reference["$ref"].rsplit("/", 1)[1]]
                schema = {"components": components, **message["payload"]}
                self._validators[message["name"]] = jsonschema.Draft7Validator(schema)

    def _closed(self, part):
        if isinstance(part, dict):
            for value in part.values():
                self._closed(value)
            if part.get("type") == "object":
                part["additionalProperties"] = False
        elif isinstance(part, list):
            for value in part:
                self._closed(value)
        return part

    def check(self, frame):
        assert frame["type"] in self._validators, f"{frame} has a type that is not documented"
        complaints = [error.message for error in self._validators[frame["type"]].iter_errors(frame)]
        assert not complaints, f"{frame} is not what is documented: {complaints}"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read()
        self.json = json.loads(self.text) if self.text else {}


class World:
    def __init__(self, bff, document):
        self.bff = urllib.parse.urlsplit(bff)
        self.document = Document(document)

    async def call(self, method, path, body=None, token=None, headers=(), at=None):
        """An answer of the bff, or of whoever listens `at` a URL."""

        def call():
            address = urllib.parse.urlsplit(at) if at else self.bff
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
            fields = {"Content-Type": "application/json"} if body is not None else {}
            if token:
                fields["Authorization"] = f"Bearer {token}"
            connection.request(method, path, json.dumps(body) if body is not None else None, {**fields, **dict(headers)})
            try:
                return Answer(connection.getresponse())
            finally:
                connection.close()

        return await asyncio.to_thread(call)

    async def person(self, name):
        username = f"{name}_{secrets.token_hex(8)}"
        body = {"username": username, "password": PASSWORD, "displayName": name}
        assert (answer := await self.call("POST", "/v1/users", body)).status == 201, answer.text
        return await self.log_in(username)

    async def people(self, *names):
        return await asyncio.gather(*(self.person(name) for name in names))

    async def log_in(self, username, device="python"):
        answer = await self.call("POST", "/v1/sessions", {"username": username, "password": PASSWORD, "device": device})
        assert answer.status == 201, answer.text
        return Person(self, username, answer.json)


class Person:
    """Somebody with a session."""

    def __init__(self, world, username, session):
        self.world, self.username, self.token = world, username, session["accessToken"]
        self.id, self.realtime = session["user"]["id"], session["realtime"]

    async def ask(self, method, path, body=None):
        return await self.world.call(method, path, body, self.token)

    async def get(self, path):
        return await self.do("GET", path)

    async def do(self, method, path, body=None):
        answer = await self.ask(method, path, body)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    async def again(self, device):
        """A session of the same user on another device."""
        return await self.world.log_in(self.username, device)

    async def connect_to(self, other):
        await self.do("POST", f"/v1/connections/{other.id}/invite")
        await other.do("POST", f"/v1/connections/{self.id}/accept")

    async def chat(self, other):
        return (await self.do("POST", "/v1/chats", {"kind": "direct", "members": [other.id]}))["id"]

    async def group(self, *others):
        body = {"kind": "group", "title": "Live", "members": [other.id for other in others]}
        return (await self.do("POST", "/v1/chats", body))["id"]

    async def say(self, chat, text, key=None):
        return await self.do(
            "POST", f"/v1/chats/{chat}/messages", {"clientMessageId": key or str(uuid.uuid4()), "text": text}
        )

    async def device(self, resume=None):
        return await Device.connect(self, resume)


class Device:
    """A live connection, with all that it was shown. Frames are numbered without a hole, or it complains."""

    @classmethod
    async def connect(cls, person, resume=None, **options):
        self = cls()
        self.person = person
        url = person.realtime["url"] + (f"?resume={resume}" if resume else "")
        options = options or {"subprotocols": ["martlet.v1", f"bearer.{person.token}"]}
        self.socket = await websockets.connect(url, ping_interval=None, open_timeout=PATIENCE, max_queue=None, **options)
        self.hello = await self._receive()
        assert self.hello["type"] == "hello", f"{self.hello} came first"
        assert "n" not in self.hello, self.hello
        self.n = int(resume.rsplit(".", 1)[1]) if self.hello["resumed"] else 0
        return self

    @property
    def place(self):
        """What to resume from."""
        return f"{self.hello['connectionId']}.{self.n}"

    async def _receive(self):
        frame = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
        self.person.world.document.check(frame)
        return frame

    async def next(self):
        frame = await self._receive()
        assert frame["n"] == self.n + 1, f"after {self.n} came {frame}"
        self.n += 1
        return frame

    async def until(self, type, **fields):
        """The frame of that type with these fields, last in the list of all that came."""
        frames = []
        while True:
            frames.append(await self.next())
            if frames[-1]["type"] == type and all(frames[-1].get(name) == value for name, value in fields.items()):
                return frames

    async def frame(self, type, **fields):
        return (await self.until(type, **fields))[-1]

    async def messages(self, chat, last):
        """The seqs of what it is shown of a chat, up to one of them."""
        frames = await self.until("message", chatId=chat, seq=last)
        return [frame["seq"] for frame in frames if frame["type"] == "message" and frame["chatId"] == chat]

    async def tell(self, type, **fields):
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def say(self, chat, text, key=None, ref="r", **more):
        """Sends a message; its answer, and before it all that came meanwhile."""
        key = str(uuid.uuid4()) if key is None else key
        await self.tell("send", ref=ref, chatId=chat, clientMessageId=key, text=text, **more)
        frames = []
        while not frames or frames[-1].get("ref") != ref:
            frames.append(await self.next())
        return frames

    async def closed(self):
        """The code of the close that is next."""
        try:
            frame = await self._receive()
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
        raise AssertionError(f"{frame} instead of a close")

    async def leave(self):
        await self.socket.close()
