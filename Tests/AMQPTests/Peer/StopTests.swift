import ServiceLifecycle
import TestSupport
import Testing

@testable import AMQP

@Suite("Stopping", .timeLimit(.minutes(2))) struct StopTests {
    /// Runs `body` with a broker that withholds confirms, and a connection with one unconfirmed message.
    private func withMessageUnderWay(
        drain: Duration,
        _ body: (AMQPConnection, AMQPChannel, ScriptedBroker.Client, ServiceGroup, Task<AMQPError?, Never>) async throws -> Void
    ) async throws {
        let published = OneShotSignal<ScriptedBroker.Client>()
        let script: ScriptedBroker.Script = { frame, client in
            if frame.isPublish { published.send(client) }
            return frame.isPublish
        }
        try await ScriptedBroker.with(script) { peer in
            var endpoint = AMQPEndpoint.peer(peer.port)
            endpoint.drainTimeout = drain
            let connection = AMQPConnection(endpoint, on: io, logger: silent)
            let group = ServiceGroup(services: [connection], logger: silent)
            let run = Task { try await group.run() }
            let channel = try await connection.opened()
            let publish = Task { await channel.failure(.to("q")) }
            try await body(connection, channel, await published.value, group, publish)
            try await run.value
        }
    }

    @Test("a graceful stop waits for outstanding confirms and rejects new messages")
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

    @Test("the wait is bounded; unconfirmed messages may have happened")
    func drainEnds() async throws {
        try await withMessageUnderWay(drain: .milliseconds(1)) { _, _, _, group, publish in
            await group.triggerGracefulShutdown()
            #expect(await publish.value?.mayHaveHappened == true)
        }
    }

    @Test("closing a channel leaves unconfirmed messages unknown, and its number is reused")
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

    @Test("a stop without a connection ends at once and fails waiting callers")
    func beforeConnected() async throws {
        let connection = AMQPConnection(.peer(1), on: io, logger: silent)
        let group = ServiceGroup(services: [connection], logger: silent)
        let run = Task { try await group.run() }
        let opened = Task { try await connection.opened() }
        try await eventually("a waiting caller") { await connection.hasOpenWaiters ? () : nil }
        await group.triggerGracefulShutdown()
        try await run.value
        await #expect(throws: AMQPError.self) { try await opened.value }
    }

    @Test("a cancelled wait for a channel returns at once")
    func cancelledWaiting() async throws {
        let connection = AMQPConnection(.peer(1), on: io, logger: silent)
        let opened = Task { try await connection.opened() }
        try await eventually("a waiting caller") { await connection.hasOpenWaiters ? () : nil }
        opened.cancel()
        await #expect(throws: AMQPError.cancelled(sent: false)) { try await opened.value }
        #expect(await !connection.hasOpenWaiters)
    }
}

extension AMQPConnection {
    fileprivate var hasOpenWaiters: Bool { !openWaiters.isEmpty }
}
