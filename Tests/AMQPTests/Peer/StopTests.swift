import ServiceLifecycle
import TestSupport
import Testing

@testable import AMQP

@Suite("Stopping", .timeLimit(.minutes(2))) struct StopTests {
    /// A broker that keeps its confirms to itself, and a connection to it with one message under way.
    private func withMessageUnderWay(
        drain: Duration,
        _ body: (AMQPConnection, AMQPChannel, ScriptedBroker.Client, ServiceGroup, Task<AMQPError?, Never>) async throws -> Void
    ) async throws {
        let published = Told<ScriptedBroker.Client>()
        let script: ScriptedBroker.Script = { frame, client in
            if frame.isPublish { published.tell(client) }
            return frame.isPublish
        }
        try await ScriptedBroker.with(script) { peer in
            var endpoint = AMQPEndpoint.peer(peer.port)
            endpoint.drainTimeout = drain
            let connection = AMQPConnection(endpoint, on: io, logger: silent)
            let group = ServiceGroup(services: [connection], logger: silent)
            let life = Task { try await group.run() }
            let channel = try await connection.opened()
            let publish = Task { await channel.failure(.to("q")) }
            try await body(connection, channel, await published.value, group, publish)
            try await life.value
        }
    }

    @Test("waits for outstanding confirms, and refuses what is new")
    func graceful() async throws {
        try await withMessageUnderWay(drain: .seconds(60)) { connection, channel, broker, group, publish in
            await group.triggerGracefulShutdown()
            try await eventually("the stop") { await connection.runState.stop == .gracefully ? () : nil }
            guard case .notConnected? = await channel.failure(.to("q")) else { throw NotYet(description: "it was sent") }
            await #expect(throws: AMQPError.self) { try await connection.opened() }
            broker.send(.ack(1))
            #expect(await publish.value == nil)
        }
    }

    @Test("does not wait for ever: what is unconfirmed then may have happened")
    func drainEnds() async throws {
        try await withMessageUnderWay(drain: .milliseconds(1)) { _, _, _, group, publish in
            await group.triggerGracefulShutdown()
            #expect(await publish.value?.mayHaveHappened == true)
        }
    }

    @Test("a channel that is closed leaves what is unconfirmed unknown; its number serves again")
    func channel() async throws {
        try await withMessageUnderWay(drain: .zero) { connection, channel, _, group, publish in
            await channel.close()
            #expect(await publish.value?.mayHaveHappened == true)
            guard case .notConnected? = await channel.failure(.to("q")) else { throw NotYet(description: "it was sent") }
            await #expect(throws: AMQPError.self) { try await channel.opened() }
            let next = try await eventually("the number") {
                let next = try await connection.opened()
                if next.number == channel.number { return next }
                await next.close()
                return nil
            }
            #expect(next.serial != channel.serial)
            await group.triggerGracefulShutdown()
        }
    }

    @Test("a stop before there is a connection ends at once, and those who wait for a channel are told")
    func beforeConnected() async throws {
        let connection = AMQPConnection(.peer(1), on: io, logger: silent)
        let group = ServiceGroup(services: [connection], logger: silent)
        let life = Task { try await group.run() }
        let opened = Task { try await connection.opened() }
        try await eventually("one who waits") { await connection.somebodyWaits ? () : nil }
        await group.triggerGracefulShutdown()
        try await life.value
        await #expect(throws: AMQPError.self) { try await opened.value }
    }

    @Test("whoever gives up waiting for a channel is let go")
    func cancelledWaiting() async throws {
        let connection = AMQPConnection(.peer(1), on: io, logger: silent)
        let opened = Task { try await connection.opened() }
        try await eventually("one who waits") { await connection.somebodyWaits ? () : nil }
        opened.cancel()
        await #expect(throws: AMQPError.cancelled(sent: false)) { try await opened.value }
        #expect(await !connection.somebodyWaits)
    }
}

extension AMQPConnection {
    fileprivate var somebodyWaits: Bool { !openWaiters.isEmpty }
}
