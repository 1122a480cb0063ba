"""Scenarios with live connections: `realtime.py <bff> <asyncapi.yaml> <scenario>` ends with 0 when it went as promised."""
import asyncio
import json
import sys
import urllib.parse
import uuid

import websockets

from clients import Device, World


async def hello(world):
    ada = await world.person("ada")
    phone = await ada.device()
    assert phone.hello["resumed"] is False and phone.hello["heartbeatSeconds"] == 25, phone.hello
    assert phone.socket.subprotocol == "martlet.v1"
    for n in (1, 2, 3):
        await phone.tell("ping")
        assert await phone.next() == {"n": n, "type": "pong"}
    # What it does not know it ignores; a message may come in fragments; control frames are answered by their own.
    await phone.tell("of tomorrow", more={"a": [1]})
    await phone.socket.send(['{"type":', '"pi', 'ng"}'])
    assert (await phone.next()) == {"n": 4, "type": "pong"}
    await (await phone.socket.ping(b"x"))
    program = await Device.connect(ada, extra_headers={"Authorization": f"Bearer {ada.token}"})
    assert program.socket.subprotocol is None
    both = await Device.connect(ada, subprotocols=["martlet.v1"], extra_headers={"Authorization": f"Bearer {ada.token}"})
    assert both.socket.subprotocol == "martlet.v1"
    assert len({device.hello["connectionId"] for device in (phone, program, both)}) == 3
    await both.socket.close(4242)
    assert both.socket.close_code == 4242


async def place(world):
    ada = await world.person("ada")
    answer = await ada.get("/v1/realtime")
    assert ada.realtime["url"] == answer["url"] and answer["url"].startswith("ws"), (ada.realtime, answer)
    assert (await ada.device()).hello["partition"] == answer["partition"]
    async with websockets.connect(ada.realtime["url"], subprotocols=["martlet.v1", f"bearer.{ada.token}"]) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"


async def refusal(person):
    """The status with which somebody is refused whose session has ended, once the gateway has heard of it."""
    while True:
        try:
            await (await person.device()).leave()
        except websockets.InvalidStatusCode as refused:
            return refused.status_code


async def refusals(world):
    ada, gone = await world.people("ada", "gone")
    await gone.do("DELETE", "/v1/sessions/current")
    url = (await ada.get("/v1/realtime"))["url"]
    path = urllib.parse.urlsplit(url).path
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip

    async def refused(status, code, token=None, path=path, **headers):
        fields = {**upgrade, **{name.replace("_", "-"): value for name, value in headers.items()}}
        fields = {name: value for name, value in fields.items() if value}
        answer = await world.call("GET", path, token=token, headers=fields, at=url)
        assert (answer.status, answer.json["code"]) == (status, code), (answer.status, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json" and answer.json["status"] == status
        return answer

    head, claims, signature = ada.token.split(".")
    forged = ".".join((head, claims[:-4] + "AAAA", signature))
    assert (await refused(401, "unauthenticated")).headers["WWW-Authenticate"] == "Bearer"
    for bad in ("nonsense", forged, f"{head}.{claims}.", ada.token[:-4] + "AAAA"):
        await refused(401, "unauthenticated", bad)
        await refused(401, "unauthenticated", Sec_WebSocket_Protocol=f"martlet.v1, bearer.{bad}")
    assert await refusal(gone) == 401
    await refused(404, "notFound", ada.token, path="/nowhere")
    await refused(400, "malformed", ada.token, Sec_WebSocket_Protocol="graphql-ws")
    await refused(400, "malformed", Sec_WebSocket_Protocol=f"martlet.v2, bearer.{ada.token}")
    plain = await refused(426, "upgradeRequired", ada.token, Connection=None, Upgrade=None)
    assert plain.headers["Upgrade"] == "websocket"
    await refused(426, "upgradeRequired", ada.token, Sec_WebSocket_Version="8")


async def delivery(world):
    ada, grace, lin = await world.people("ada", "grace", "lin")
    chat = await ada.group(grace, lin)
    sender, laptop, *others = await asyncio.gather(
        ada.device(), (await ada.again("laptop")).device(), grace.device(), grace.device(), lin.device()
    )
    acknowledged = []
    for number in range(5):
        answers = await sender.say(chat, f"socket {number}", ref=number)
        assert [frame["type"] for frame in answers if "ref" in frame] == ["ack"], answers
        acknowledged.append(answers[-1]["seq"])
    await asyncio.gather(*(person.say(chat, f"http {number}") for number in range(5) for person in (ada, grace)))
    last = (await lin.say(chat, "the end"))["seq"]
    assert last == 16 and acknowledged == sorted(acknowledged)
    for device in (laptop, *others):
        assert await device.messages(chat, last) == list(range(1, last + 1))
    # It has its acknowledgements, and is shown everything else: what its own user sent over HTTP too.
    assert await sender.messages(chat, last) == [seq for seq in range(1, last + 1) if seq not in acknowledged]
    # As HTTP shows them, to the letter.
    history = {item["seq"]: item for item in (await lin.get(f"/v1/chats/{chat}/messages"))["items"]}
    late = await lin.device()
    sent = await lin.say(chat, "shown as answered")
    assert (await late.frame("message", seq=17))["message"] == sent
    assert len(history) == 16 and all(history[seq]["senderId"] == ada.id for seq in acknowledged)


async def crowd(world):
    """Many at once, over HTTP and sockets: everybody sees one order, without a hole."""
    ada, grace = await world.people("ada", "grace")
    chat = await ada.chat(grace)
    writer, reader = await ada.device(), await grace.device()
    for number in range(40):
        await writer.tell("send", ref=number, chatId=chat, clientMessageId=str(number), text=f"{number}")
    await asyncio.gather(*(grace.say(chat, f"{number}") for number in range(40)))
    acknowledged, seen = {}, []
    while len(acknowledged) + len(seen) < 80:
        frame = await writer.next()
        if frame["type"] == "ack":
            acknowledged[frame["ref"]] = frame["seq"]
        elif frame["type"] == "message":
            seen.append(frame["seq"])
    assert list(acknowledged) == list(range(40)), "answers come in the order of what was asked"
    assert sorted([*acknowledged.values(), *seen]) == list(range(1, 81)) and seen == sorted(seen)
    assert await reader.messages(chat, 80) == list(range(1, 81))


async def acknowledgement(world):
    ada, grace = await world.people("ada", "grace")
    chat = await ada.chat(grace)
    phone, laptop = await ada.device(), await ada.device()
    first = (await phone.say(chat, "once", "key", "m1"))[-1]
    assert {name: first[name] for name in ("type", "ref", "seq")} == {"type": "ack", "ref": "m1", "seq": 1}, first
    body = {"clientMessageId": "key", "text": "once"}
    repeated = await ada.ask("POST", f"/v1/chats/{chat}/messages", body)
    assert repeated.status == 200 and (repeated.json["id"], repeated.json["seq"]) == (first["id"], 1), repeated.text
    for device, ref in ((phone, "m1"), (laptop, 9_007_199_254_740_993)):
        again = (await device.say(chat, "once", "key", ref))[-1]
        assert (again["type"], again["ref"], again["id"], again["seq"]) == ("ack", ref, first["id"], 1), again
    other = (await phone.say(chat, "something else", "key"))[-1]
    assert (other["type"], other["code"]) == ("error", "invalid"), other
    reply = (await laptop.say(chat, "a reply", replyTo=1))[-1]
    assert reply["seq"] == 2, reply
    items = (await grace.get(f"/v1/chats/{chat}/messages"))["items"]
    assert [(item["seq"], item.get("replyTo")) for item in items] == [(1, None), (2, 1)], items


async def errors(world):
    ada, grace, lin = await world.people("ada", "grace", "lin")
    chat, strange = await ada.chat(grace), await grace.chat(lin)
    phone = await ada.device()

    async def same(code, chat, text="hello", key="key", **more):
        """The same code, over HTTP and here, with the `ref` as it came."""
        body = {"clientMessageId": key, "text": text, **more}
        answer = await ada.ask("POST", f"/v1/chats/{chat}/messages", body)
        assert answer.json.get("code") == code, answer.text
        for ref in ("text \"quoted\" é", 7):
            frame = (await phone.say(chat, text, key, ref, **more))[-1]
            assert (frame["type"], frame["code"], frame["ref"]) == ("error", code, ref), frame
            assert frame["message"], frame

    await same("notFound", strange)
    await same("notFound", "999")
    await same("invalid", chat, "")
    await same("invalid", chat, "x" * 8_001)
    await same("invalid", chat, "a\0b")
    await same("invalid", chat, key="")
    await same("invalid", chat, key="k" * 65)
    await same("invalid", chat, replyTo=99)
    for bad in ({"type": "read", "chatId": chat}, {"type": "read", "chatId": chat, "seq": "1"}, {"type": "typing"}):
        await phone.socket.send(json.dumps(bad))
        assert (await phone.frame("error"))["code"] == "invalid"
    for type, more, code in (("read", {"seq": 0}, "notFound"), ("typing", {}, "notFound"), ("read", {"seq": -1}, "invalid")):
        await phone.tell(type, chatId=strange, **more)
        assert (await phone.frame("error"))["code"] == code
    await phone.socket.send("[]")
    assert (await phone.frame("error"))["code"] == "malformed"
    # Blocked: the gateway has no say in it, and the answer is that of chats.
    await grace.do("PUT", f"/v1/blocks/{ada.id}")
    number = 0
    while (frame := (await phone.say(chat, "hello?", ref=number))[-1])["type"] == "ack":
        number += 1
    assert (frame["code"], frame["ref"]) == ("denied", number), frame
    await phone.tell("typing", chatId=chat)
    assert (await phone.frame("error"))["code"] == "denied"
    await grace.do("DELETE", f"/v1/blocks/{ada.id}")
    while (frame := (await phone.say(chat, "hello!"))[-1])["type"] == "error":
        assert frame["code"] == "denied", frame


async def markers(world):
    ada, grace = await world.people("ada", "grace")
    chat = await ada.chat(grace)
    sender, phone, laptop = await ada.device(), await grace.device(), await grace.device()
    for number in range(3):
        await sender.say(chat, f"{number}")
    await phone.messages(chat, 3)
    await phone.tell("delivered", chatId=chat, seq=3)
    receipt = await sender.frame("receipt", chatId=chat, deliveredSeq=3)
    assert receipt["userId"] == grace.id and "readSeq" not in receipt, receipt
    await phone.tell("read", chatId=chat, seq=2)
    for device in (sender, laptop, phone):
        receipt = await device.frame("receipt", readSeq=2)
        assert (receipt["chatId"], receipt["userId"]) == (chat, grace.id) and "deliveredSeq" not in receipt, receipt
    members = {item["userId"]: item for item in (await ada.get(f"/v1/chats/{chat}/members"))["items"]}
    assert (members[grace.id]["readSeq"], members[grace.id]["deliveredSeq"]) == (2, 3), members
    assert (await grace.get(f"/v1/chats/{chat}"))["unread"] == 1
    await grace.do("PUT", f"/v1/chats/{chat}/read", {"seq": 3})
    for device in (sender, laptop, phone):
        await device.frame("receipt", userId=grace.id, readSeq=3)


async def typing(world):
    ada, grace, lin = await world.people("ada", "grace", "lin")
    chat = await ada.group(grace)
    phone, laptop, reader, stranger = [await person.device() for person in (ada, ada, grace, lin)]
    await phone.tell("typing", chatId=chat)
    shown = await reader.frame("typing", chatId=chat)
    assert shown["userId"] == ada.id, shown
    # Whatever else was to be shown of it was shown before this, which came after it.
    last = (await grace.say(chat, "I see you"))["seq"]
    for device in (phone, laptop):
        frames = await device.until("message", chatId=chat, seq=last)
        assert all(frame["type"] != "typing" for frame in frames), frames
    await stranger.tell("ping")
    assert (await stranger.next())["type"] == "pong"


async def presence(world):
    ada, grace, lin, bob = await world.people("ada", "grace", "lin", "bob")
    await grace.connect_to(ada)
    await bob.connect_to(ada)
    group = await ada.group(grace, lin, bob)
    await ada.do("PUT", f"/v1/blocks/{bob.id}")
    contact, stranger, blocked = [await person.device() for person in (grace, lin, bob)]

    async def nothing_else(message):
        """Neither who is no contact nor who is blocked was shown anything, up to a message that came later."""
        seq = (await grace.say(group, message))["seq"]
        for device in (stranger, blocked):
            frames = await device.until("message", chatId=group, seq=seq)
            assert all(frame["type"] != "presence" for frame in frames), frames

    phone = await ada.device()
    assert (await contact.frame("presence", userId=ada.id))["online"] is True
    frames = await phone.until("presence", userId=grace.id)
    assert frames[-1]["online"] is True and not [frame for frame in frames if frame.get("userId") == bob.id], frames
    await nothing_else("she is there")
    # A second device is no news, and neither is the end of one of two.
    laptop = await ada.device()
    await phone.leave()
    await laptop.frame("presence", userId=grace.id)
    await laptop.leave()
    frames = await contact.until("presence", userId=ada.id, online=False)
    assert "lastSeenAt" in frames[-1], frames
    await nothing_else("she is gone")
    # Whoever comes is told when the others were there.
    await contact.leave()
    back = await ada.device()
    frames = await back.until("presence", userId=grace.id, online=False)
    assert "lastSeenAt" in frames[-1] and not [frame for frame in frames if frame.get("userId") == bob.id], frames


async def contacts(world):
    ada, grace = await world.people("ada", "grace")
    mine, theirs = await ada.device(), await grace.device()
    # Who becomes a contact while both are there is shown to be there, and whoever is none any more to be gone.
    for end in (("POST", f"/v1/connections/{grace.id}/remove"), ("PUT", f"/v1/blocks/{grace.id}")):
        await grace.connect_to(ada)
        for device, other in ((mine, grace), (theirs, ada)):
            await device.frame("presence", userId=other.id, online=True)
        await ada.do(*end)
        for device, other in ((mine, grace), (theirs, ada)):
            frames = await device.until("presence", userId=other.id, online=False)
            assert device is mine or all(frame["type"] != "block" for frame in frames), frames


async def resume(world):
    ada, grace = await world.people("ada", "grace")
    chat = await ada.chat(grace)
    phone = await grace.device()
    await ada.say(chat, "1")
    await phone.frame("message", seq=1)
    for end in range(3, 10, 3):
        # The line goes with a word, or without one.
        if end == 3:
            await phone.leave()
        else:
            phone.socket.transport.abort()
        for seq in range(end - 1, end + 2):
            await ada.say(chat, f"{seq}")
        before = phone.hello["connectionId"]
        phone = await grace.device(phone.place)
        assert phone.hello["resumed"] is True and phone.hello["connectionId"] == before, phone.hello
        assert await phone.messages(chat, end + 1) == [end - 1, end, end + 1]
    # The old socket need not be gone: the client is where it says it is.
    second = await grace.device(phone.place)
    assert second.hello["resumed"] is True
    assert await phone.closed() == 1001
    # From further back too, as a page that was loaded anew does.
    third = await grace.device(f"{second.hello['connectionId']}.0")
    assert third.hello["resumed"] is True
    assert await third.messages(chat, 10) == list(range(1, 11))
    await ada.say(chat, "11")
    assert await third.messages(chat, 11) == [11]


async def resync(world):
    """What cannot be whole says so, and what was missed is found by its cursor."""
    ada, grace = await world.people("ada", "grace")
    chat, quiet = await ada.chat(grace), await grace.group(ada)
    phone = await grace.device()
    await ada.say(chat, "seen")
    await phone.frame("message", chatId=chat, seq=1)
    cursor = (await grace.get("/v1/chats"))["cursor"]

    async def anew(resume, person=grace):
        device = await person.device(resume)
        assert device.hello["resumed"] is False, (resume, device.hello)
        assert device.hello["connectionId"] != phone.hello["connectionId"]
        await device.tell("ping")
        assert (await device.next())["n"] == 1
        await device.leave()

    identity = phone.hello["connectionId"]
    for wrong in (f"{identity}.{phone.n + 1}", f"{identity}.99999", f"0-{identity}.0", f"x{phone.place}", "nonsense", f"{identity}.-1"):
        await anew(wrong)
    await anew(phone.place, ada)
    await anew(phone.place, await grace.again("laptop"))
    tablet = await grace.device()
    await phone.leave()
    for number in range(10):
        await ada.say(chat, f"{number} " + "x" * 7_900)
    # All of them have come to where the phone was, too.
    await tablet.messages(chat, 11)
    await anew(phone.place)
    changed = {item["id"]: item for item in (await grace.get(f"/v1/chats?changedSince={cursor}"))["items"]}
    assert changed[chat]["lastMessage"]["seq"] == 11 and changed[chat]["unread"] == 11, changed
    missed = (await grace.get(f"/v1/chats/{chat}/messages?after=1"))["items"]
    assert [item["seq"] for item in missed] == list(range(2, 12))
    assert quiet in {item["id"] for item in (await grace.get("/v1/chats"))["items"]}


async def revocation(world):
    ada = await world.person("ada")
    laptop = await ada.again("laptop")
    here, there = await ada.device(), await laptop.device()
    sessions = (await ada.get("/v1/sessions"))["items"]
    assert sorted(item["device"] for item in sessions) == ["laptop", "python"], sessions
    other = next(item for item in sessions if not item["current"])
    await ada.do("DELETE", f"/v1/sessions/{other['id']}")
    assert await there.next() == {"n": 1, "type": "disconnect", "reason": "revoked", "afterMs": 0}
    assert await there.closed() == 4003
    assert await refusal(laptop) == 401
    await here.tell("ping")
    assert (await here.next())["type"] == "pong"
    await ada.do("DELETE", "/v1/sessions/current")
    assert (await here.next())["reason"] == "revoked"
    assert await here.closed() == 4003


async def removal(world):
    ada, grace, lin = await world.people("ada", "grace", "lin")
    group, fence = await ada.group(grace, lin), await ada.chat(grace)
    member, removed = await lin.device(), await grace.device()
    await ada.say(group, "all of us")
    assert await removed.messages(group, 1) == [1]
    await ada.do("DELETE", f"/v1/chats/{group}/members/{grace.id}")
    change = await removed.frame("chat", chatId=group, change="removed")
    assert change["memberId"] == grace.id, change
    await ada.say(group, "without Grace")
    assert await member.messages(group, 2) == [1, 2]
    await ada.say(fence, "to Grace")
    frames = await removed.until("message", chatId=fence, seq=1)
    assert all(frame.get("chatId") != group for frame in frames), frames
    assert (await removed.say(group, "still here?"))[-1]["code"] == "notFound"


async def changes(world):
    """What is not a message is shown too: chats, members, connections, blocks."""
    ada, grace, lin = await world.people("ada", "grace", "lin")
    mine, theirs = await ada.device(), await grace.device()
    group = await ada.group(grace)
    for device in (mine, theirs):
        assert (await device.frame("chat", chatId=group))["change"] == "created"
    await ada.do("PATCH", f"/v1/chats/{group}", {"title": "Linkers"})
    assert (await theirs.frame("chat", change="updated"))["title"] == "Linkers"
    await ada.do("PUT", f"/v1/chats/{group}/members/{lin.id}", {"role": "member"})
    added = await theirs.frame("chat", change="added")
    assert (added["memberId"], added["role"]) == (lin.id, "member"), added
    await ada.do("POST", f"/v1/connections/{grace.id}/invite")
    assert (await mine.frame("connection"))["status"] == "sent"
    assert (await theirs.frame("connection"))["status"] == "received"
    await grace.do("POST", f"/v1/connections/{ada.id}/accept")
    for device, other in ((mine, grace), (theirs, ada)):
        assert (await device.frame("connection", userId=other.id))["status"] == "connected"
    await ada.do("POST", f"/v1/connections/{grace.id}/remove")
    assert "status" not in await theirs.frame("connection", userId=ada.id)
    await ada.do("PUT", f"/v1/blocks/{grace.id}")
    assert (await mine.frame("block"))["blocked"] is True
    await ada.do("DELETE", f"/v1/blocks/{grace.id}")
    assert (await mine.frame("block"))["blocked"] is False
    last = (await ada.say(group, "and Grace knows nothing of it"))["seq"]
    frames = await theirs.until("message", chatId=group, seq=last)
    assert all(frame["type"] != "block" for frame in frames), frames


if __name__ == "__main__":
    bff, document, scenario = sys.argv[1:]
    asyncio.run(globals()[scenario](World(bff, document)))
