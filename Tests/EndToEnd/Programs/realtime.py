"""Scenarios with live connections: `realtime.py <bff URL> <asyncapi.yaml> <scenario>`.

Exits with 0 if all assertions of the scenario hold. Scenarios are functions of this module.
"""
import asyncio
import json
import sys
import urllib.parse
import uuid

import websockets

from clients import APIClient, Device


async def hello(api):
    ada = await api.register("ada")
    phone = await ada.connect()
    assert phone.hello["resumed"] is False and phone.hello["heartbeatSeconds"] == 25, phone.hello
    assert phone.socket.subprotocol == "martlet.v1"
    for n in (1, 2, 3):
        await phone.send_frame("ping")
        assert await phone.next_frame() == {"n": n, "type": "pong"}
    # The server ignores unknown types, accepts fragmented messages, and answers pings.
    await phone.send_frame("of tomorrow", more={"a": [1]})
    await phone.socket.send(['{"type":', '"pi', 'ng"}'])
    assert (await phone.next_frame()) == {"n": 4, "type": "pong"}
    await (await phone.socket.ping(b"x"))
    program = await Device.connect(ada, extra_headers={"Authorization": f"Bearer {ada.token}"})
    assert program.socket.subprotocol is None
    both = await Device.connect(ada, subprotocols=["martlet.v1"], extra_headers={"Authorization": f"Bearer {ada.token}"})
    assert both.socket.subprotocol == "martlet.v1"
    assert len({device.hello["connectionId"] for device in (phone, program, both)}) == 3
    await both.socket.close(4242)
    assert both.socket.close_code == 4242


async def place(api):
    ada = await api.register("ada")
    answer = await ada.get("/v1/realtime")
    assert ada.realtime["url"] == answer["url"] and answer["url"].startswith("ws"), (ada.realtime, answer)
    assert (await ada.connect()).hello["partition"] == answer["partition"]
    async with websockets.connect(ada.realtime["url"], subprotocols=["martlet.v1", f"bearer.{ada.token}"]) as socket:
        assert json.loads(await socket.recv())["type"] == "hello"


async def refusal(user):
    """Connects until the gateway knows that the user's session has ended. Returns the status of the refusal."""
    while True:
        try:
            await (await user.connect()).close()
        except websockets.InvalidStatusCode as refused:
            return refused.status_code


async def refusals(api):
    ada, gone = await api.register_all("ada", "gone")
    await gone.call("DELETE", "/v1/sessions/current")
    url = (await ada.get("/v1/realtime"))["url"]
    path = urllib.parse.urlsplit(url).path
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip

    async def refused(status, code, token=None, path=path, **headers):
        fields = {**upgrade, **{name.replace("_", "-"): value for name, value in headers.items()}}
        fields = {name: value for name, value in fields.items() if value}
        answer = await api.request("GET", path, token=token, headers=fields, at=url)
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


async def delivery(api):
    ada, grace, lin = await api.register_all("ada", "grace", "lin")
    chat = await ada.create_group(grace, lin)
    sender, laptop, *others = await asyncio.gather(
        ada.connect(), (await ada.log_in_again("laptop")).connect(), grace.connect(), grace.connect(), lin.connect()
    )
    acknowledged = []
    for number in range(5):
        answers = await sender.send_message(chat, f"socket {number}", ref=number)
        assert [frame["type"] for frame in answers if "ref" in frame] == ["ack"], answers
        acknowledged.append(answers[-1]["seq"])
    await asyncio.gather(*(user.send_message(chat, f"http {number}") for number in range(5) for user in (ada, grace)))
    last = (await lin.send_message(chat, "the end"))["seq"]
    assert last == 16 and acknowledged == sorted(acknowledged)
    for device in (laptop, *others):
        assert await device.messages(chat, last) == list(range(1, last + 1))
    # The sender receives all messages but those that were acknowledged to it, also its user's messages over HTTP.
    assert await sender.messages(chat, last) == [seq for seq in range(1, last + 1) if seq not in acknowledged]
    # A frame has the same message as the HTTP response.
    history = {item["seq"]: item for item in (await lin.get(f"/v1/chats/{chat}/messages"))["items"]}
    late = await lin.connect()
    sent = await lin.send_message(chat, "shown as answered")
    assert (await late.receive("message", seq=17))["message"] == sent
    assert len(history) == 16 and all(history[seq]["senderId"] == ada.id for seq in acknowledged)


async def crowd(api):
    """Concurrent sends over HTTP and WebSocket: all devices see the same order without gaps."""
    ada, grace = await api.register_all("ada", "grace")
    chat = await ada.open_chat(grace)
    writer, reader = await ada.connect(), await grace.connect()
    for number in range(40):
        await writer.send_frame("send", ref=number, chatId=chat, clientMessageId=str(number), text=f"{number}")
    await asyncio.gather(*(grace.send_message(chat, f"{number}") for number in range(40)))
    acknowledged, seen = {}, []
    while len(acknowledged) + len(seen) < 80:
        frame = await writer.next_frame()
        if frame["type"] == "ack":
            acknowledged[frame["ref"]] = frame["seq"]
        elif frame["type"] == "message":
            seen.append(frame["seq"])
    assert list(acknowledged) == list(range(40)), "acknowledgements must have the order of the sends"
    assert sorted([*acknowledged.values(), *seen]) == list(range(1, 81)) and seen == sorted(seen)
    assert await reader.messages(chat, 80) == list(range(1, 81))


async def acknowledgement(api):
    ada, grace = await api.register_all("ada", "grace")
    chat = await ada.open_chat(grace)
    phone, laptop = await ada.connect(), await ada.connect()
    first = (await phone.send_message(chat, "once", "key", "m1"))[-1]
    assert {name: first[name] for name in ("type", "ref", "seq")} == {"type": "ack", "ref": "m1", "seq": 1}, first
    body = {"clientMessageId": "key", "text": "once"}
    repeated = await ada.request("POST", f"/v1/chats/{chat}/messages", body)
    assert repeated.status == 200 and (repeated.json["id"], repeated.json["seq"]) == (first["id"], 1), repeated.text
    for device, ref in ((phone, "m1"), (laptop, 9_007_199_254_740_993)):
        again = (await device.send_message(chat, "once", "key", ref))[-1]
        assert (again["type"], again["ref"], again["id"], again["seq"]) == ("ack", ref, first["id"], 1), again
    other = (await phone.send_message(chat, "something else", "key"))[-1]
    assert (other["type"], other["code"]) == ("error", "invalid"), other
    reply = (await laptop.send_message(chat, "a reply", replyTo=1))[-1]
    assert reply["seq"] == 2, reply
    items = (await grace.get(f"/v1/chats/{chat}/messages"))["items"]
    assert [(item["seq"], item.get("replyTo")) for item in items] == [(1, None), (2, 1)], items


async def errors(api):
    ada, grace, lin = await api.register_all("ada", "grace", "lin")
    chat, strange = await ada.open_chat(grace), await grace.open_chat(lin)
    phone = await ada.connect()

    async def same(code, chat, text="hello", key="key", **more):
        """Expects the same code over HTTP and WebSocket, and the unchanged `ref`."""
        body = {"clientMessageId": key, "text": text, **more}
        answer = await ada.request("POST", f"/v1/chats/{chat}/messages", body)
        assert answer.json.get("code") == code, answer.text
        for ref in ("text \"quoted\" é", 7):
            frame = (await phone.send_message(chat, text, key, ref, **more))[-1]
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
        assert (await phone.receive("error"))["code"] == "invalid"
    for type, more, code in (("read", {"seq": 0}, "notFound"), ("typing", {}, "notFound"), ("read", {"seq": -1}, "invalid")):
        await phone.send_frame(type, chatId=strange, **more)
        assert (await phone.receive("error"))["code"] == code
    await phone.socket.send("[]")
    assert (await phone.receive("error"))["code"] == "malformed"
    # Only chats decides whether a block denies a message; the gateway passes on its answer.
    await grace.call("PUT", f"/v1/blocks/{ada.id}")
    number = 0
    while (frame := (await phone.send_message(chat, "hello?", ref=number))[-1])["type"] == "ack":
        number += 1
    assert (frame["code"], frame["ref"]) == ("denied", number), frame
    await phone.send_frame("typing", chatId=chat)
    assert (await phone.receive("error"))["code"] == "denied"
    await grace.call("DELETE", f"/v1/blocks/{ada.id}")
    while (frame := (await phone.send_message(chat, "hello!"))[-1])["type"] == "error":
        assert frame["code"] == "denied", frame


async def markers(api):
    ada, grace = await api.register_all("ada", "grace")
    chat = await ada.open_chat(grace)
    sender, phone, laptop = await ada.connect(), await grace.connect(), await grace.connect()
    for number in range(3):
        await sender.send_message(chat, f"{number}")
    await phone.messages(chat, 3)
    await phone.send_frame("delivered", chatId=chat, seq=3)
    receipt = await sender.receive("receipt", chatId=chat, deliveredSeq=3)
    assert receipt["userId"] == grace.id and "readSeq" not in receipt, receipt
    await phone.send_frame("read", chatId=chat, seq=2)
    for device in (sender, laptop, phone):
        receipt = await device.receive("receipt", readSeq=2)
        assert (receipt["chatId"], receipt["userId"]) == (chat, grace.id) and "deliveredSeq" not in receipt, receipt
    members = {item["userId"]: item for item in (await ada.get(f"/v1/chats/{chat}/members"))["items"]}
    assert (members[grace.id]["readSeq"], members[grace.id]["deliveredSeq"]) == (2, 3), members
    assert (await grace.get(f"/v1/chats/{chat}"))["unread"] == 1
    await grace.call("PUT", f"/v1/chats/{chat}/read", {"seq": 3})
    for device in (sender, laptop, phone):
        await device.receive("receipt", userId=grace.id, readSeq=3)


async def typing(api):
    ada, grace, lin = await api.register_all("ada", "grace", "lin")
    chat = await ada.create_group(grace)
    phone, laptop, reader, stranger = [await user.connect() for user in (ada, ada, grace, lin)]
    await phone.send_frame("typing", chatId=chat)
    shown = await reader.receive("typing", chatId=chat)
    assert shown["userId"] == ada.id, shown
    # This message comes after all frames that the typing caused.
    last = (await grace.send_message(chat, "I see you"))["seq"]
    for device in (phone, laptop):
        frames = await device.receive_until("message", chatId=chat, seq=last)
        assert all(frame["type"] != "typing" for frame in frames), frames
    await stranger.send_frame("ping")
    assert (await stranger.next_frame())["type"] == "pong"


async def presence(api):
    ada, grace, lin, bob = await api.register_all("ada", "grace", "lin", "bob")
    await grace.become_contact_of(ada)
    await bob.become_contact_of(ada)
    group = await ada.create_group(grace, lin, bob)
    await ada.call("PUT", f"/v1/blocks/{bob.id}")
    contact, stranger, blocked = [await user.connect() for user in (grace, lin, bob)]

    async def expect_no_presence(message):
        """Expects that users who are not contacts, or are blocked, received no presence up to a later message."""
        seq = (await grace.send_message(group, message))["seq"]
        for device in (stranger, blocked):
            frames = await device.receive_until("message", chatId=group, seq=seq)
            assert all(frame["type"] != "presence" for frame in frames), frames

    phone = await ada.connect()
    assert (await contact.receive("presence", userId=ada.id))["online"] is True
    frames = await phone.receive_until("presence", userId=grace.id)
    assert frames[-1]["online"] is True and not [frame for frame in frames if frame.get("userId") == bob.id], frames
    await expect_no_presence("she is there")
    # Neither a second device nor the end of one of two devices changes the presence.
    laptop = await ada.connect()
    await phone.close()
    await laptop.receive("presence", userId=grace.id)
    await laptop.close()
    frames = await contact.receive_until("presence", userId=ada.id, online=False)
    assert "lastSeenAt" in frames[-1], frames
    await expect_no_presence("she is gone")
    # A new connection receives when its contacts were last seen.
    await contact.close()
    back = await ada.connect()
    frames = await back.receive_until("presence", userId=grace.id, online=False)
    assert "lastSeenAt" in frames[-1] and not [frame for frame in frames if frame.get("userId") == bob.id], frames


async def contacts(api):
    ada, grace = await api.register_all("ada", "grace")
    mine, theirs = await ada.connect(), await grace.connect()
    # Users who become contacts see each other online. When they are no longer contacts, they see each other offline.
    for end in (("POST", f"/v1/connections/{grace.id}/remove"), ("PUT", f"/v1/blocks/{grace.id}")):
        await grace.become_contact_of(ada)
        for device, other in ((mine, grace), (theirs, ada)):
            await device.receive("presence", userId=other.id, online=True)
        await ada.call(*end)
        for device, other in ((mine, grace), (theirs, ada)):
            frames = await device.receive_until("presence", userId=other.id, online=False)
            assert device is mine or all(frame["type"] != "block" for frame in frames), frames


async def resume(api):
    ada, grace = await api.register_all("ada", "grace")
    chat = await ada.open_chat(grace)
    phone = await grace.connect()
    await ada.send_message(chat, "1")
    await phone.receive("message", seq=1)
    for end in range(3, 10, 3):
        # The connection ends with a close frame, or without one.
        if end == 3:
            await phone.close()
        else:
            phone.socket.transport.abort()
        for seq in range(end - 1, end + 2):
            await ada.send_message(chat, f"{seq}")
        before = phone.hello["connectionId"]
        phone = await grace.connect(phone.position)
        assert phone.hello["resumed"] is True and phone.hello["connectionId"] == before, phone.hello
        assert await phone.messages(chat, end + 1) == [end - 1, end, end + 1]
    # A resume replaces an open connection.
    second = await grace.connect(phone.position)
    assert second.hello["resumed"] is True
    assert await phone.close_code() == 1001
    # A resume may start further back, as after reloading a page.
    third = await grace.connect(f"{second.hello['connectionId']}.0")
    assert third.hello["resumed"] is True
    assert await third.messages(chat, 10) == list(range(1, 11))
    await ada.send_message(chat, "11")
    assert await third.messages(chat, 11) == [11]


async def resync(api):
    """A resume that would be incomplete starts a new session, and the cursor finds the missed messages."""
    ada, grace = await api.register_all("ada", "grace")
    chat, quiet = await ada.open_chat(grace), await grace.create_group(ada)
    phone = await grace.connect()
    await ada.send_message(chat, "seen")
    await phone.receive("message", chatId=chat, seq=1)
    cursor = (await grace.get("/v1/chats"))["cursor"]

    async def expect_new_session(resume, user=grace):
        device = await user.connect(resume)
        assert device.hello["resumed"] is False, (resume, device.hello)
        assert device.hello["connectionId"] != phone.hello["connectionId"]
        await device.send_frame("ping")
        assert (await device.next_frame())["n"] == 1
        await device.close()

    identity = phone.hello["connectionId"]
    for wrong in (f"{identity}.{phone.n + 1}", f"{identity}.99999", f"0-{identity}.0", f"x{phone.position}", "nonsense", f"{identity}.-1"):
        await expect_new_session(wrong)
    await expect_new_session(phone.position, ada)
    await expect_new_session(phone.position, await grace.log_in_again("laptop"))
    tablet = await grace.connect()
    await phone.close()
    for number in range(10):
        await ada.send_message(chat, f"{number} " + "x" * 7_900)
    # After this, the session of the phone has all of them too.
    await tablet.messages(chat, 11)
    await expect_new_session(phone.position)
    changed = {item["id"]: item for item in (await grace.get(f"/v1/chats?changedSince={cursor}"))["items"]}
    assert changed[chat]["lastMessage"]["seq"] == 11 and changed[chat]["unread"] == 11, changed
    missed = (await grace.get(f"/v1/chats/{chat}/messages?after=1"))["items"]
    assert [item["seq"] for item in missed] == list(range(2, 12))
    assert quiet in {item["id"] for item in (await grace.get("/v1/chats"))["items"]}


async def revocation(api):
    ada = await api.register("ada")
    laptop = await ada.log_in_again("laptop")
    here, there = await ada.connect(), await laptop.connect()
    sessions = (await ada.get("/v1/sessions"))["items"]
    assert sorted(item["device"] for item in sessions) == ["laptop", "python"], sessions
    other = next(item for item in sessions if not item["current"])
    await ada.call("DELETE", f"/v1/sessions/{other['id']}")
    assert await there.next_frame() == {"n": 1, "type": "disconnect", "reason": "revoked", "afterMs": 0}
    assert await there.close_code() == 4003
    assert await refusal(laptop) == 401
    await here.send_frame("ping")
    assert (await here.next_frame())["type"] == "pong"
    await ada.call("DELETE", "/v1/sessions/current")
    assert (await here.next_frame())["reason"] == "revoked"
    assert await here.close_code() == 4003


async def removal(api):
    ada, grace, lin = await api.register_all("ada", "grace", "lin")
    group, fence = await ada.create_group(grace, lin), await ada.open_chat(grace)
    member, removed = await lin.connect(), await grace.connect()
    await ada.send_message(group, "all of us")
    assert await removed.messages(group, 1) == [1]
    await ada.call("DELETE", f"/v1/chats/{group}/members/{grace.id}")
    change = await removed.receive("chat", chatId=group, change="removed")
    assert change["memberId"] == grace.id, change
    await ada.send_message(group, "without Grace")
    assert await member.messages(group, 2) == [1, 2]
    await ada.send_message(fence, "to Grace")
    frames = await removed.receive_until("message", chatId=fence, seq=1)
    assert all(frame.get("chatId") != group for frame in frames), frames
    assert (await removed.send_message(group, "still here?"))[-1]["code"] == "notFound"


async def changes(api):
    """Changes of chats, members, connections and blocks are delivered too."""
    ada, grace, lin = await api.register_all("ada", "grace", "lin")
    mine, theirs = await ada.connect(), await grace.connect()
    group = await ada.create_group(grace)
    for device in (mine, theirs):
        assert (await device.receive("chat", chatId=group))["change"] == "created"
    await ada.call("PATCH", f"/v1/chats/{group}", {"title": "Linkers"})
    assert (await theirs.receive("chat", change="updated"))["title"] == "Linkers"
    await ada.call("PUT", f"/v1/chats/{group}/members/{lin.id}", {"role": "member"})
    added = await theirs.receive("chat", change="added")
    assert (added["memberId"], added["role"]) == (lin.id, "member"), added
    await ada.call("POST", f"/v1/connections/{grace.id}/invite")
    assert (await mine.receive("connection"))["status"] == "sent"
    assert (await theirs.receive("connection"))["status"] == "received"
    await grace.call("POST", f"/v1/connections/{ada.id}/accept")
    for device, other in ((mine, grace), (theirs, ada)):
        assert (await device.receive("connection", userId=other.id))["status"] == "connected"
    await ada.call("POST", f"/v1/connections/{grace.id}/remove")
    assert "status" not in await theirs.receive("connection", userId=ada.id)
    await ada.call("PUT", f"/v1/blocks/{grace.id}")
    assert (await mine.receive("block"))["blocked"] is True
    await ada.call("DELETE", f"/v1/blocks/{grace.id}")
    assert (await mine.receive("block"))["blocked"] is False
    last = (await ada.send_message(group, "and Grace knows nothing of it"))["seq"]
    frames = await theirs.receive_until("message", chatId=group, seq=last)
    assert all(frame["type"] != "block" for frame in frames), frames


if __name__ == "__main__":
    bff, document, scenario = sys.argv[1:]
    asyncio.run(globals()[scenario](APIClient(bff, document)))
