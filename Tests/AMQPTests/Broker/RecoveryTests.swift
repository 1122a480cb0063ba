import TestSupport
import Testing

@testable import AMQP

@Suite("Lost connections", .timeLimit(.minutes(3))) struct RecoveryTests {
    @Test("a message whose confirm was lost has an unknown outcome")
    func unknownOutcome() async throws {
        try await Proxy.with { proxy in
            try await withBroker(change: { $0.port = proxy.port }) { connection, host in
                try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
                let channel = try await connection.opened()
                proxy.stall([.fromBroker])
                async let failure = channel.failure(.to("q"))
                try await eventually("the message") { try await host.messages(in: "q") == 1 ? () : nil }
                proxy.resume()
                let error = await failure
                guard case .unconfirmed? = error else { throw NotYet(description: "\(String(describing: error))") }
                #expect(error?.mayHaveHappened == true)
            }
        }
    }

    @Test("after a close by the broker, topology, consumers and confirms are restored")
    func restored() async throws {
        try await withBroker { connection, host in
            let (states, seen) = (ValueRecorder<String>(), ValueRecorder<String>())
            let exchange = AMQPExchange("own", .fanout, durable: false, autoDelete: true)
            let consumer = AMQPConsumer(
                queue: AMQPQueue("mine", durable: false, exclusive: true, autoDelete: true),
                bindings: [AMQPBinding(exchange: "own", routingKey: "")], noAck: true, onStart: { states.add("start \($0)") },
                onLost: { _ in states.add("lost") }, onDelivery: { seen.add($0.text) })
            let channel = try await connection.opened(
                AMQPChannelSetup(name: "test", declarations: [.exchange(exchange)], consumers: [consumer]))
            for round in 1...3 {
                let message = AMQPMessage(exchange: "own", routingKey: "", mandatory: true, body: Array("\(round)".utf8))
                #expect(await channel.failure(message) == nil)
                try await eventually("message \(round)") { seen.count == round ? () : nil }
                try await host.closeConnections()
                try await eventually("the loss") { states.count >= 2 * round ? () : nil }
                try await channel.opened()
            }
            #expect(states.all == ["start 1", "lost", "start 2", "lost", "start 3", "lost", "start 4"])
        }
    }

    @Test("unacknowledged messages are redelivered, and old tags are void")
    func redelivered() async throws {
        try await withBroker { connection, host in
            let seen = ValueRecorder<AMQPDelivery>()
            let consumer = AMQPConsumer(queue: AMQPQueue("q")) { seen.add($0) }
            let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
            try await channel.publish(.to("q"))
            try await eventually("a delivery") { seen.count == 1 ? () : nil }
            try await host.closeConnections()
            try await eventually("the redelivery") { seen.count == 2 ? () : nil }
            #expect(seen.all.map(\.redelivered) == [false, true])
            let tags = seen.all.map(\.tag)
            try await channel.onThread { $0.acknowledge(tags[0]) }
            try await channel.publish(.to("other", mandatory: false))
            await channel.close()
            try await eventually("the message back in the queue") { try await host.messages(in: "q") == 1 ? () : nil }
        }
    }

    @Test("a connection that drops all bytes is detected by missing heartbeats")
    func heartbeat() async throws {
        try await Proxy.with { proxy in
            try await withBroker(change: { ($0.port, $0.heartbeat) = (proxy.port, .seconds(1)) }) { connection, host in
                let lost = OneShotSignal<AMQPError>()
                let channel = try await connection.opened()
                await connection.observe { if case .disconnected(let error) = $0 { lost.send(error) } }
                proxy.stall()
                async let failure = channel.failure(.to("q"))
                guard case .unconfirmed(let text) = await lost.value else { throw NotYet(description: "another error") }
                #expect(text.contains("heartbeat"))
                #expect(await failure?.mayHaveHappened == true)
                proxy.resume()
                try await channel.opened()
                #expect(await channel.failure(.to("q", mandatory: false)) == nil)
            }
        }
    }

    @Test("heartbeats of both sides keep an idle connection alive")
    func quiet() async throws {
        let beats = ValueRecorder<Int>()
        let script: ScriptedBroker.Script = { frame, client in
            // Each heartbeat is answered by one; no other frames are sent.
            guard frame.kind == 8 else { return false }
            beats.add(client.number)
            client.send(frame)
            return true
        }
        try await ScriptedBroker.with(tune: (255, 131_072, 1), script) { peer in
            var endpoint = AMQPEndpoint.peer(peer.port)
            endpoint.heartbeat = .seconds(1)
            try await withConnection(endpoint) { connection in
                _ = try await connection.opened()
                try await eventually("three seconds of heartbeats") { beats.count >= 6 ? () : nil }
                #expect(Set(beats.all) == [1])
            }
        }
    }

    @Test("without a broker the connection retries and reports the reason")
    func away() async throws {
        let failures = ValueRecorder<AMQPError>()
        // An unused address: another test may have taken a port that was free before.
        let port = 1
        try await withConnection(.peer(port)) { connection in
            await connection.observe { if case .disconnected(let error) = $0 { failures.add(error) } }
            try await eventually("three tries") { failures.count >= 3 ? () : nil }
            #expect(failures.all.allSatisfy { "\($0)".contains("connecting to 127.0.0.1:\(port)") })
            #expect(await !connection.isConnected)
        }
    }
}
