"""The workload of the HTTP API: registered users, their chats, and templates of their requests."""
import concurrent.futures
import dataclasses
import http.client
import json

USERS, CHATS, MEMBERS = 50, 50, 4
# Placeholder for a number that differs in each request; see load/requests.lua.
NUMBER = "@" * 16
TEXT = "The quick brown fox jumps over the lazy dog, and back again over another one; then it sits down to write about both of them."


@dataclasses.dataclass
class User:
    id: str
    token: str


@dataclasses.dataclass
class Chat:
    id: str
    members: list


class APIClient:
    """Creates users and chats through the bff."""

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
            raise RuntimeError(f"POST {path} returned {response.status}: {answer}")
        return answer

    def create_user(self, number):
        """Registers a user and logs in."""
        name, password = f"bench{number}", f"the password of {number}"
        self.post("/v1/users", {"username": name, "password": password, "displayName": f"Bench {number}"})
        session = self.post("/v1/sessions", {"username": name, "password": password})
        return User(session["user"]["id"], session["accessToken"])

    def create_users(self, count=USERS, at_once=4):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.create_user, range(count)))

    def create_groups(self, users):
        """Creates `CHATS` groups with `MEMBERS` members each."""
        return [
            self.create_group(f"Chat {number}", [users[(number + step) % len(users)] for step in range(MEMBERS)])
            for number in range(CHATS)
        ]

    def create_group(self, title, members):
        body = {"kind": "group", "title": title, "members": [member.id for member in members[1:]]}
        return Chat(self.post("/v1/chats", body, members[0].token)["id"], members)

    def create_direct_chats(self, users, at_once=4):
        """Creates a direct chat for each pair of users."""
        def create(one, other):
            return Chat(self.post("/v1/chats", {"kind": "direct", "members": [other.id]}, one.token)["id"], [one, other])

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(create, users[::2], users[1::2]))


# Request templates: complete HTTP/1.1 requests.

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


def profiles(users):
    return [request(f"GET /v1/users/{other.id}", reader.token) for reader, other in zip(users, users[1:] + users[:1])]


def bare(path):
    return [request(f"GET {path}")]


def write(requests, path):
    path.write_text("\0".join(requests))
    return path
