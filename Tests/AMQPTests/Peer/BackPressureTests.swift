import TestSupport
import Testing

@testable import AMQP

@Suite("Backpressure", .timeLimit(.minutes(2))) struct BackPressureTests {
    /// Counts published messages, and confirms them on request.
    private final class Reader: Sendable {
        let published = ValueRecorder<ScriptedBroker.Client>()

        var script: ScriptedBroker.Script {
            { [published] frame, client in
                if frame.isPublish { published.add(client) }
                return frame.isPublish
            }
        }

        func confirm(_ number: UInt64, multiple: Bool = false) { published.all[0].send(.ack(number, multiple: multiple)) }
    }

    private func withWindow(
        _ window: Int, change: (inout AMQPEndpoint) -> Void = { _ in }, _ body: (AMQPChannel, Reader) async throws -> Void
    ) async throws {
        let reader = Reader()
        try await ScriptedBroker.with(reader.script) { peer in
            var endpoint = AMQPEndpoint.peer(peer.port)
            change(&endpoint)
            try await withConnection(endpoint) { connection in
                try await body(try await connection.opened(AMQPChannelSetup(name: "test", confirmWindow: window)), reader)
            }
        }
    }

    @Test("a full confirm window makes publishes wait and sends fail; a confirm makes room")
    func window() async throws {
        try await withWindow(2) { channel, reader in
            let outcomes = ValueRecorder<Int>()
            let tasks = (0..<5).map { number in
                Task {
                    let failure = await channel.failure(.to("q"))
                    outcomes.add(number)
                    return failure
                }
            }
            try await eventually("two messages") { reader.published.count == 2 ? () : nil }
            await #expect(throws: AMQPError.full) { try await channel.onThread { try $0.send(.to("q")) } }
            #expect(outcomes.count == 0)
            reader.confirm(1)
            try await eventually("the third") { reader.published.count == 3 ? () : nil }
            reader.confirm(3, multiple: true)
            try await eventually("the rest") { reader.published.count == 5 ? () : nil }
            reader.confirm(0, multiple: true)
            for task in tasks { #expect(await task.value == nil) }
        }
    }

    @Test("a waiting publish that is cancelled is never sent; one that was sent is reported as such")
    func cancellation() async throws {
        try await withWindow(1) { channel, reader in
            let first = Task { await channel.failure(.to("q")) }
            try await eventually("the first") { reader.published.count == 1 ? () : nil }
            let waiting = (0..<3).map { _ in Task { await channel.failure(.to("q")) } }
            try await eventually("three waiting publishes") { await channel.waiting == 3 ? () : nil }
            waiting[1].cancel()
            #expect(await waiting[1].value == .cancelled(sent: false))
            first.cancel()
            #expect(await first.value == .cancelled(sent: true))
            #expect(await channel.waiting == 2)
            for number in UInt64(1)...3 {
                reader.confirm(number)
                let expected = min(3, Int(number) + 1)
                try await eventually("message \(expected)") { reader.published.count == expected ? () : nil }
            }
            #expect(await waiting[0].value == nil)
            #expect(await waiting[2].value == nil)
            #expect(reader.published.count == 3)
        }
    }

    @Test("a cancelled task sends nothing")
    func cancelledBefore() async throws {
        try await withWindow(1) { channel, reader in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await channel.failure(.to("q"))
            }
            #expect(await task.value == .cancelled(sent: false))
            #expect(reader.published.count == 0)
        }
    }

    @Test("a broker that does not read fills the output buffer up to its limit; then all messages arrive")
    func outputBuffer() async throws {
        try await Proxy.with { proxy in
            try await withBroker(change: { ($0.port, $0.maxOutputBytes) = (proxy.port, 1 << 20) }) { connection, host in
                try await host.admin { try $0.declare(.queue(AMQPQueue("q"))) }
                let channel = try await connection.opened()
                let body = String(repeating: "x", count: 100_000)
                let sent = try await channel.onThread { channel in
                    // Within one turn nothing is written, so only the buffer is the limit.
                    var sent = 0
                    while sent < 1_000 {
                        do throws(AMQPError) { try channel.send(.to("q", body)) } catch {
                            #expect(error == .full)
                            break
                        }
                        sent += 1
                    }
                    return sent
                }
                #expect(sent == 10)
                await withTaskGroup { group in
                    for _ in 0..<100 { group.addTask { await channel.failure(.to("q", body)) } }
                    for await failure in group { #expect(failure == nil) }
                }
                #expect(try await host.messages(in: "q") == 110)
            }
        }
    }

    @Test("while the broker blocks publishing, all sends fail at once; afterwards they continue")
    func blocked() async throws {
        let (client, statuses) = (OneShotSignal<ScriptedBroker.Client>(), ValueRecorder<String>())
        let script: ScriptedBroker.Script = { frame, peer in
            if frame.isPublish { client.send(peer) }
            return frame.isPublish
        }
        try await ScriptedBroker.with(script) { peer in
            try await withConnection(.peer(peer.port)) { connection in
                let channel = try await connection.opened(AMQPChannelSetup(name: "test", confirmWindow: 1))
                await connection.observe { status in
                    if case .blocked(let reason) = status { statuses.add("blocked: \(reason)") }
                    if case .unblocked = status { statuses.add("unblocked") }
                }
                let sent = Task { await channel.failure(.to("q")) }
                let broker = await client.value
                let waiting = Task { await channel.failure(.to("q")) }
                try await eventually("a waiting publish") { await channel.waiting == 1 ? () : nil }
                broker.send(.method(0x000A_003C, short("memory")))
                #expect(await waiting.value == .blocked("memory"))
                #expect(await channel.failure(.to("q")) == .blocked("memory"))
                #expect(await connection.isBlocked)
                #expect(await !connection.isReady)
                broker.send(.method(0x000A_003D), .ack(1))
                #expect(await sent.value == nil)
                #expect(await connection.isReady)
                #expect(statuses.all == ["blocked: memory", "unblocked"])
            }
        }
    }

    @Test("a block directly after login is detected, even within a partial frame", arguments: [0, 9])
    func blockedAtLogin(missing: Int) async throws {
        let opened = Frame.method(0x000A_0029, short("")).bytes
        let blocked = Frame.method(0x000A_003C, short("disk")).bytes
        let script: ScriptedBroker.Script = { frame, client in
            guard frame.method == 0x000A_0028 else { return false }
            // The login's read stays in the library's buffer; a partial frame there costs a connection, and
            // the next one works.
            client.socket.send(opened + (client.number == 1 ? blocked.dropLast(missing) : blocked))
            return true
        }
        try await ScriptedBroker.with(script) { peer in
            try await withConnection(.peer(peer.port)) { connection in
                try await eventually("the block") { await connection.isBlocked ? () : nil }
                let channel = try await connection.opened()
                #expect(await channel.failure(.to("q")) == .blocked("disk"))
            }
        }
    }
}

extension AMQPChannel {
    /// The number of publishes that wait for room.
    fileprivate var waiting: Int { get async { await connection.waiting(on: self) } }
}

extension AMQPConnection {
    fileprivate func waiting(on channel: AMQPChannel) -> Int { core(channel)?.waiting.count ?? 0 }
}
