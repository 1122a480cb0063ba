"""Who uses the API during a measurement: people who are signed in, chats of theirs, and the requests that they make."""
import concurrent.futures
import dataclasses
import http.client
import json

PEOPLE, CHATS, MEMBERS = 50, 50, 4
# Each request's own number is put here; see load/requests.lua.
NUMBER = "@" * 16
TEXT = "The quick brown fox jumps over the lazy dog, and back again over another one; then it sits down to write about both of them."


@dataclasses.dataclass
class Person:
    id: str
    token: str


@dataclasses.dataclass
class Chat:
    id: str
    members: list


class Edge:
    """The bff, for what is asked of it once."""

    def __init__(self, port):
        self.port = port

    def post(self, path, body, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status not in (200, 201):
            raise RuntimeError(f"POST {path} was answered {response.status}: {answer}")
        return answer

    def sign_up(self, number):
        name, password = f"bench{number}", f"the password of {number}"
        self.post("/v1/users", {"username": name, "password": password, "displayName": f"Bench {number}"})
        session = self.post("/v1/sessions", {"username": name, "password": password})
        return Person(session["user"]["id"], session["accessToken"])

    def people(self, count=PEOPLE, at_once=4):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.sign_up, range(count)))

    def chats(self, people):
        made = []
        for number in range(CHATS):
            made.append(self.group(f"Chat {number}", [people[(number + step) % len(people)] for step in range(MEMBERS)]))
        return made

    def group(self, title, members):
        body = {"kind": "group", "title": title, "members": [member.id for member in members[1:]]}
        return Chat(self.post("/v1/chats", body, members[0].token)["id"], members)

    def pairs(self, people, at_once=4):
        """A direct chat for each two."""
        def pair(one, other):
            return Chat(self.post("/v1/chats", {"kind": "direct", "members": [other.id]}, one.token)["id"], [one, other])

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(pair, people[::2], people[1::2]))


# Requests as they stand on the wire.

def request(line, token=None, body=None):
    head = [f"{line} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(head) + "\r\n\r\n" + (body or "")


def sends(chats):
    body = json.dumps({"clientMessageId": NUMBER, "text": TEXT})
    return [
        request(f"POST /v1/chats/{chat.id}/messages", chat.members[turn].token, body)
        for turn in range(MEMBERS) for chat in chats
    ]


def history(chats):
    return [request(f"GET /v1/chats/{chat.id}/messages?limit=20", member.token) for chat in chats for member in chat.members]


def profiles(people):
    return [request(f"GET /v1/users/{other.id}", me.token) for me, other in zip(people, people[1:] + people[:1])]


def bare(path):
    return [request(f"GET {path}")]


def write(requests, path):
    path.write_text("\0".join(requests))
    return path
