import Contracts
import Edge
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Whose users these are", .timeLimit(.minutes(2))) struct HubTests {
    @Test("when a partition goes elsewhere, its users are told where and closed with 4001; it is held until they are gone")
    func moved() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            let (partition, gone) = (Gateway.partition(of: 1), PartitionSet([Gateway.partition(of: 1)]))
            await gateway.assign(Gateway.everything.subtracting(gone), epoch: 2)
            #expect(await gateway.hub.held == Gateway.everything)
            let (texts, code) = try await client.end()
            #expect(code == 4_001)
            let notice = try #require(texts.first)
            #expect(texts.count == 1 && notice.type == "disconnect" && notice.reason == "moved" && notice.n == 1)
            #expect(notice.url == "ws://elsewhere/\(partition)" && (0...500).contains(notice.afterMs ?? -1))
            try await eventually("its end") { await gateway.hub.held.contains(partition) ? nil : () }
            // An older assignment changes nothing.
            await gateway.assign(Gateway.everything, epoch: 1)
            #expect(await gateway.hub.held == Gateway.everything.subtracting(gone))
        }
    }

    @Test(
        "the routes are looked up only for somebody who is to be sent away, and the lease and the assignment do not wait for them"
    )
    func findsRoutes() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            let (hub, partition, lookedUp) = (gateway.hub, Gateway.partition(of: 1), ValueRecorder<PartitionSet>())
            func take(_ serve: PartitionSet, epoch: Int64) async {
                let answer = Heartbeat.Response(epoch: epoch, leaseMilliseconds: 600_000, bind: serve, serve: serve)
                await hub.take(answer, asked: .now) {
                    lookedUp.add(await hub.held)
                    #expect(await hub.ownership.verdict(on: partition, at: .now) == .elsewhere)
                }
            }
            await take(Gateway.everything, epoch: 2)
            #expect(lookedUp.count == 0)
            await take(Gateway.everything.subtracting(PartitionSet([partition])), epoch: 3)
            // Until they are told they are here.
            #expect(lookedUp.all == [Gateway.everything])
            let (texts, code) = try await client.end()
            #expect(texts.map(\.reason) == ["moved"] && code == 4_001)
        }
    }

    @Test("whoever comes to the wrong instance is told the right one, without a hello")
    func elsewhere() async throws {
        try await Gateway.with { gateway in
            let partition = Gateway.partition(of: 1)
            let others = Gateway.everything.subtracting(PartitionSet([partition]))
            await gateway.assign(others, bind: others, epoch: 2)
            let (texts, code) = try await gateway.arrival(1).end()
            #expect(code == 4_001)
            #expect(texts.map(\.type) == ["disconnect"] && texts.first?.url == "ws://elsewhere/\(partition)")
        }
    }

    @Test("whose partition is about to come waits for it, and is let in at once when it does")
    func waits() async throws {
        try await Gateway.with(owns: false) { gateway in
            let client = try await gateway.arrival(1)
            try await eventually("their arrival") { await gateway.hub.waiting.count == 1 ? () : nil }
            // Nothing is theirs yet.
            await gateway.show([1], to: [1])
            await gateway.assign(Gateway.everything, epoch: 2)
            #expect(try await client.said().type == "hello")
            await gateway.show([2], to: [1])
            #expect(try await client.said().seq == 2)
        }
    }

    @Test("if it never comes, they are sent to where the routes say")
    func waitsInVain() async throws {
        try await Gateway.with(owns: false) { gateway in
            let start = ContinuousClock.now
            let client = try await gateway.arrival(1)
            try await eventually("their arrival") { await gateway.hub.waiting.count == 1 ? () : nil }
            await gateway.hub.tick(now: start + .seconds(2))
            #expect(await gateway.hub.waiting.count == 1)
            await gateway.hub.tick(now: .now + .seconds(4))
            let (texts, code) = try await client.end()
            #expect(texts.map(\.reason) == ["moved"] && code == 4_001)
        }
    }

    @Test("a session that has ended is cut, on all its connections; the user's others stay")
    func revoked() async throws {
        try await Gateway.with { gateway in
            let (one, two) = (try await gateway.client(1, session: 5), try await gateway.client(1, session: 5))
            let other = try await gateway.client(1, session: 6)
            await gateway.hub.cut([SessionID(rawValue: 5), SessionID(rawValue: 7)])
            for client in [one, two] {
                let (texts, code) = try await client.end()
                #expect(texts.map(\.reason) == ["revoked"] && code == 4_003)
            }
            await gateway.show([1], to: [1])
            #expect(try await other.said().seq == 1)
            gateway.revocations.revoke([SessionID(rawValue: 8)])
            let (texts, code) = try await gateway.arrival(1, session: 8).end()
            #expect(texts.map(\.reason) == ["revoked"] && code == 4_003)
        }
    }

    @Test("while the feed is lost nothing is shown; when it is back all are told of the gap, before anything else")
    func outage() async throws {
        try await Gateway.with { gateway in
            let clients = [try await gateway.client(1), try await gateway.client(2)]
            let start = ContinuousClock.now
            await gateway.hub.feedIsLost()
            await gateway.show([1], to: [1, 2])
            await gateway.hub.tick(now: start + .seconds(29))
            await gateway.hub.feedIsBack()
            await gateway.show([2], to: [1, 2])
            for client in clients {
                #expect(try await client.said() == RawClient.Said(type: "gap", n: 1))
                #expect(try await client.said() == RawClient.Said(type: "message", n: 2, seq: 2))
            }
        }
    }

    @Test("what was shown before an outage is not shown again when it is told again after it; nor is anything waited for")
    func toldAgain() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.show([1, 2], to: [1])
            await gateway.hub.feedIsLost()
            await gateway.show([3], to: [1])
            await gateway.hub.feedIsBack()
            await gateway.show([1, 2, 5, 6], to: [1])
            let shown = [
                try await client.said(), try await client.said(), try await client.said(), try await client.said(),
                try await client.said(),
            ]
            #expect(shown.map(\.seq) == [1, 2, nil, 5, 6])
            #expect(shown[2].type == "gap")
        }
    }

    @Test("while the feed is lost nobody new is let in: nothing could be shown to them")
    func doorOfTheDeaf() async throws {
        try await Gateway.with { gateway in
            await gateway.hub.feedIsLost()
            #expect(!gateway.isOpen)
            await gateway.assign(Gateway.everything, epoch: 1)
            #expect(!gateway.isOpen)
            await gateway.hub.feedIsBack()
            #expect(gateway.isOpen)
        }
    }

    @Test("cut off for longer than 30 seconds, it lets everybody go with 1001; whoever comes back finds their frames here")
    func tooLong() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.hub.feedIsLost()
            await gateway.hub.tick(now: .now + .seconds(31))
            let (texts, code) = try await client.end()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
        }
    }

    @Test("without a lease nothing is shown, and the gap is told when it is back")
    func lease() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.hub.lookAtOutage(now: .now + .seconds(700))
            #expect(!gateway.isOpen)
            await gateway.assign(Gateway.everything, epoch: 1)
            #expect(gateway.isOpen)
            #expect(try await client.said().type == "gap")
        }
    }

    @Test("whoever waits for their partition, or comes when it is too late, is told of the end before the close too")
    func newcomersAtTheEnd() async throws {
        try await Gateway.with(owns: false) { gateway in
            let client = try await gateway.arrival(1)
            try await eventually("their arrival") { await gateway.hub.waiting.count == 1 ? () : nil }
            await gateway.hub.close()
            // Between the door and the hub.
            gateway.hub.isOpen.store(true, ordering: .relaxed)
            for client in [client, try await gateway.arrival(2)] {
                let (texts, code) = try await client.end()
                #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
            }
        }
    }

    @Test("what a client cannot have received is refused at once")
    func deliveredNothing() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            for type in ["delivered", "read"] {
                await client.say(#"{"type":"\#(type)","chatId":"7","seq":-1}"#)
                await client.say(#"{"type":"ping"}"#)
                let answer = try await client.said()
                #expect(answer.type == "error" && answer.code == "invalid")
                #expect(try await client.said().type == "pong")
            }
        }
    }

    @Test("when the process ends, the last words reach everybody before their sockets go")
    func lastWords() async throws {
        let clients = try await Gateway.with { gateway in [try await gateway.client(1), try await gateway.client(2)] }
        for client in clients {
            let (texts, code) = try await client.end()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
        }
    }

    @Test("when it stops, everybody is let go with 1001, and nobody comes in any more")
    func stops() async throws {
        try await Gateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.hub.close()
            let (texts, code) = try await client.end()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
            #expect(await gateway.hub.held.isEmpty)
            let late = try await RawClient.connect(to: gateway.port)
            #expect(try await late.ask("/rt/x", ["Authorization: Bearer 1.1"]).hasPrefix("HTTP/1.1 503 "))
        }
    }
}
