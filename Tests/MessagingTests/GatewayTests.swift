import Contracts
import Edge
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("The gateway and its partitions", .timeLimit(.minutes(2))) struct GatewayTests {
    @Test("clients of a partition that moves get the new URL and 4001; the partition is held until their sockets are closed")
    func moved() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            let (partition, gone) = (TestGateway.partition(of: 1), PartitionSet([TestGateway.partition(of: 1)]))
            await gateway.assign(TestGateway.everything.subtracting(gone), epoch: 2)
            #expect(await gateway.actor.report().held == TestGateway.everything)
            let (texts, code) = try await client.readToClose()
            #expect(code == 4_001)
            let notice = try #require(texts.first)
            #expect(texts.count == 1 && notice.type == "disconnect" && notice.reason == "moved" && notice.n == 1)
            #expect(notice.url == "ws://elsewhere/\(partition)" && (0...500).contains(notice.afterMs ?? -1))
            try await eventually("the closed socket") { await gateway.actor.report().held.contains(partition) ? nil : () }
            // An older assignment changes nothing.
            await gateway.assign(TestGateway.everything, epoch: 1)
            #expect(await gateway.actor.report().held == TestGateway.everything.subtracting(gone))
        }
    }

    @Test(
        "routes are read only if a client must be redirected, and neither lease nor assignment waits for them"
    )
    func findsRoutes() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            let (hub, partition, lookedUp) = (gateway.actor, TestGateway.partition(of: 1), ValueRecorder<PartitionSet>())
            func take(_ serve: PartitionSet, epoch: Int64) async {
                let answer = Heartbeat.Response(epoch: epoch, leaseMilliseconds: 600_000, bind: serve, serve: serve)
                await hub.apply(answer, sentAt: .now) {
                    lookedUp.add(await hub.report().held)
                    #expect(await hub.state.ownership.verdict(on: partition, at: .now) == .elsewhere)
                }
            }
            await take(TestGateway.everything, epoch: 2)
            #expect(lookedUp.count == 0)
            await take(TestGateway.everything.subtracting(PartitionSet([partition])), epoch: 3)
            // Its partition is held until the client is redirected.
            #expect(lookedUp.all == [TestGateway.everything])
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["moved"] && code == 4_001)
        }
    }

    @Test("a client that connects to the wrong instance gets the right URL, without a hello")
    func elsewhere() async throws {
        try await TestGateway.with { gateway in
            let partition = TestGateway.partition(of: 1)
            let others = TestGateway.everything.subtracting(PartitionSet([partition]))
            await gateway.assign(others, bind: others, epoch: 2)
            let (texts, code) = try await gateway.arrival(1).readToClose()
            #expect(code == 4_001)
            #expect(texts.map(\.type) == ["disconnect"] && texts.first?.url == "ws://elsewhere/\(partition)")
        }
    }

    @Test("a client waits for a partition that is being handed over, and is greeted as soon as it arrives")
    func waits() async throws {
        try await TestGateway.with(owns: false) { gateway in
            let client = try await gateway.arrival(1)
            try await eventually("the pending connection") { await gateway.actor.state.pending.count == 1 ? () : nil }
            // Nothing is delivered to the client yet.
            await gateway.show([1], to: [1])
            await gateway.assign(TestGateway.everything, epoch: 2)
            #expect(try await client.nextText().type == "hello")
            await gateway.show([2], to: [1])
            #expect(try await client.nextText().seq == 2)
        }
    }

    @Test("if the partition does not arrive, the client is redirected by the routes")
    func waitsInVain() async throws {
        try await TestGateway.with(owns: false) { gateway in
            let start = ContinuousClock.now
            let client = try await gateway.arrival(1)
            try await eventually("the pending connection") { await gateway.actor.state.pending.count == 1 ? () : nil }
            await gateway.actor.tick(now: start + .seconds(2))
            #expect(await gateway.actor.state.pending.count == 1)
            await gateway.actor.tick(now: .now + .seconds(4))
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["moved"] && code == 4_001)
        }
    }

    @Test("all connections of a revoked session are closed; the user's other sessions stay")
    func revoked() async throws {
        try await TestGateway.with { gateway in
            let (one, two) = (try await gateway.client(1, session: 5), try await gateway.client(1, session: 5))
            let other = try await gateway.client(1, session: 6)
            await gateway.actor.revoke([SessionID(rawValue: 5), SessionID(rawValue: 7)])
            for client in [one, two] {
                let (texts, code) = try await client.readToClose()
                #expect(texts.map(\.reason) == ["revoked"] && code == 4_003)
            }
            await gateway.show([1], to: [1])
            #expect(try await other.nextText().seq == 1)
            gateway.revocations.revoke([SessionID(rawValue: 8)])
            let (texts, code) = try await gateway.arrival(1, session: 8).readToClose()
            #expect(texts.map(\.reason) == ["revoked"] && code == 4_003)
        }
    }

    @Test("while the feed is lost nothing is delivered; once it is restored, every client gets gap first")
    func outage() async throws {
        try await TestGateway.with { gateway in
            let clients = [try await gateway.client(1), try await gateway.client(2)]
            let start = ContinuousClock.now
            await gateway.actor.loseFeed()
            await gateway.show([1], to: [1, 2])
            await gateway.actor.tick(now: start + .seconds(29))
            await gateway.actor.restoreFeed()
            await gateway.show([2], to: [1, 2])
            for client in clients {
                #expect(try await client.nextText() == RawClient.TextFrame(type: "gap", n: 1))
                #expect(try await client.nextText() == RawClient.TextFrame(type: "message", n: 2, seq: 2))
            }
        }
    }

    @Test("after an outage messages that were delivered before are not repeated, and none is held back")
    func toldAgain() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.show([1, 2], to: [1])
            await gateway.actor.loseFeed()
            await gateway.show([3], to: [1])
            await gateway.actor.restoreFeed()
            await gateway.show([1, 2, 5, 6], to: [1])
            let shown = [
                try await client.nextText(), try await client.nextText(), try await client.nextText(),
                try await client.nextText(),
                try await client.nextText(),
            ]
            #expect(shown.map(\.seq) == [1, 2, nil, 5, 6])
            #expect(shown[2].type == "gap")
        }
    }

    @Test("while the feed is lost no handshake is accepted")
    func doorOfTheDeaf() async throws {
        try await TestGateway.with { gateway in
            await gateway.actor.loseFeed()
            #expect(!gateway.isOpen)
            await gateway.assign(TestGateway.everything, epoch: 1)
            #expect(!gateway.isOpen)
            await gateway.actor.restoreFeed()
            #expect(gateway.isOpen)
        }
    }

    @Test("after an outage of 30 seconds all clients are disconnected with 1001")
    func tooLong() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.actor.loseFeed()
            await gateway.actor.tick(now: .now + .seconds(31))
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
        }
    }

    @Test("without a lease nothing is delivered; a new lease brings gap")
    func lease() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.actor.tick(now: .now + .seconds(700))
            #expect(!gateway.isOpen)
            await gateway.assign(TestGateway.everything, epoch: 1)
            #expect(gateway.isOpen)
            #expect(try await client.nextText().type == "gap")
        }
    }

    @Test("pending and late clients get the shutdown notice before they are closed")
    func newcomersAtTheEnd() async throws {
        try await TestGateway.with(owns: false) { gateway in
            let client = try await gateway.arrival(1)
            try await eventually("the pending connection") { await gateway.actor.state.pending.count == 1 ? () : nil }
            await gateway.actor.close()
            // The clients passed the handshake before the shutdown.
            gateway.actor.isOpen.store(true, ordering: .relaxed)
            for client in [client, try await gateway.arrival(2)] {
                let (texts, code) = try await client.readToClose()
                #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
            }
        }
    }

    @Test("a negative seq in a receipt is refused at once")
    func deliveredNothing() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            for type in ["delivered", "read"] {
                await client.sendText(#"{"type":"\#(type)","chatId":"7","seq":-1}"#)
                await client.sendText(#"{"type":"ping"}"#)
                let answer = try await client.nextText()
                #expect(answer.type == "error" && answer.code == "invalid")
                #expect(try await client.nextText().type == "pong")
            }
        }
    }

    @Test("the report for heartbeats is one consistent value: its partitions belong to the epoch that it names")
    func report() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            let (everything, gone) = (TestGateway.everything, PartitionSet([TestGateway.partition(of: 1)]))
            let rest = everything.subtracting(gone)
            func expectReport(
                epoch: Int64, held: PartitionSet, assigned: PartitionSet, connections: Int,
                at location: SourceLocation = #_sourceLocation
            ) async {
                var report = await gateway.actor.report()
                #expect(report.hasLease(at: .now), sourceLocation: location)
                report.leaseEnd = nil
                let expected = GatewayReport(epoch: epoch, held: held, assigned: assigned, connections: connections)
                #expect(report == expected, sourceLocation: location)
            }
            await expectReport(epoch: 1, held: everything, assigned: everything, connections: 1)
            await gateway.assign(rest, bind: rest, epoch: 2)
            _ = try await client.readToClose()
            try await eventually("the closed socket") { await gateway.actor.report().held == rest ? () : nil }
            await expectReport(epoch: 2, held: rest, assigned: rest, connections: 0)
            await gateway.actor.close()
            await expectReport(epoch: 2, held: PartitionSet(), assigned: rest, connections: 0)
        }
    }

    @Test("when the process ends, every client gets the shutdown notice before its socket closes")
    func lastWords() async throws {
        let clients = try await TestGateway.with { gateway in [try await gateway.client(1), try await gateway.client(2)] }
        for client in clients {
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
        }
    }

    @Test("at shutdown all clients are disconnected with 1001, and no handshake is accepted")
    func stops() async throws {
        try await TestGateway.with { gateway in
            let client = try await gateway.client(1)
            await gateway.actor.close()
            let (texts, code) = try await client.readToClose()
            #expect(texts.map(\.reason) == ["shutdown"] && code == 1_001)
            #expect(await gateway.actor.report().held.isEmpty)
            let late = try await RawClient.connect(to: gateway.port)
            #expect(try await late.requestUpgrade("/rt/x", ["Authorization: Bearer 1.1"]).hasPrefix("HTTP/1.1 503 "))
        }
    }
}
