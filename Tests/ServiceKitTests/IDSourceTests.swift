import Contracts
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct IDRequestBatcherTests {
    @Test(
        "a call combines whole requests, oldest first, up to 4,096 ids, and each receives its own part", arguments: UInt64(1)...50
    )
    func batches(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (batcher, requested, served) = (IDRequestBatcher(), [IDRequestBatcher.Request](), [IDRequestBatcher.Request]())
        for ticket in 1...UInt64(200) {
            let request = IDRequestBatcher.Request(
                ticket: ticket, count: Int.random(in: 1...(Bool.random(using: &random) ? 20 : 4_096), using: &random))
            batcher.add(request)
            if ticket.isMultiple(of: 7) { batcher.cancel(ticket) } else { requested.append(request) }
            if ticket.isMultiple(of: 20) { Self.serveAll(&batcher, &served) }
        }
        Self.serveAll(&batcher, &served)
        #expect(served == requested)
    }

    private static func serveAll(_ batcher: inout IDRequestBatcher, _ served: inout [IDRequestBatcher.Request]) {
        while !batcher.isEmpty {
            let batch = batcher.nextBatch()
            let total = batch.reduce(0) { $0 + $1.count }
            #expect((1...4_096).contains(total))
            let parts = IDRequestBatcher.distribute(Array(0..<total), among: batch)
            #expect(parts.flatMap(\.1) == Array(0..<total))
            #expect(zip(parts, batch).allSatisfy { $0.0 == $1.ticket && $0.1.count == $1.count })
            served += batch
        }
    }
}

@Suite struct IDSourceTests {
    private let mint = Mint()

    @Test("requests during a call share the next call, and each receives its own ids")
    func coalesces() async throws {
        let gate = Gate()
        let source = IDSource(on: sharedIO, inFlightLimit: 1) { [mint] count in
            if mint.calls.isEmpty { mint.record(count); await gate.pass(); return mint.issue(count) }
            mint.record(count)
            return mint.issue(count)
        }
        async let first = source.next(3, MessageID.self)
        await gate.waitForArrivals(1)
        let others = (1...10).map { count in Task { try await source.next(count, MessageID.self) } }
        _ = try await eventually("all ten wait") { await source.waiting == 11 ? true : nil }
        gate.open()
        var ids = try await first
        for (task, count) in zip(others, 1...10) {
            let own = try await task.value
            #expect(own.count == count && own == own.sorted())
            ids += own
        }
        #expect(mint.calls == [3, 55])
        #expect(Set(ids).count == 58)
    }

    @Test("a failed call fails all requests that share it, and the next request starts a new call")
    func failure() async throws {
        let source = IDSource(on: sharedIO) { [mint] count in
            mint.record(count)
            if mint.calls.count == 1 { throw ServiceError(.unavailable, "no server") }
            return mint.issue(count)
        }
        let error = await #expect(throws: ServiceError.self) { try await source.next(2, ChatID.self) }
        #expect(error?.code == .unavailable)
        #expect(try await source.next(ChatID.self) == ChatID(rawValue: 1))
    }

    @Test("a cancelled request returns at once, and the others receive their ids")
    func cancelled() async throws {
        let gate = Gate()
        let source = IDSource(on: sharedIO, inFlightLimit: 1) { [mint] count in
            await gate.pass()
            return mint.issue(count)
        }
        let (leaving, staying) = (Task { try await source.next(1, UserID.self) }, Task { try await source.next(1, UserID.self) })
        await gate.waitForArrivals(1)
        leaving.cancel()
        let error = await #expect(throws: ServiceError.self) { try await leaving.value }
        #expect(error?.code == .deadlineExceeded && error?.mayHaveHappened == false)
        gate.open()
        #expect(try await staying.value.count == 1)
        #expect(await source.waiting == 0)
    }

    @Test("a wrong number of ids is an error, and an invalid count is refused")
    func wrongAnswers() async throws {
        let source = IDSource(on: sharedIO) { _ in [1, 2] }
        #expect(await #expect(throws: ServiceError.self) { try await source.next(3, ChatID.self) }?.code == .internal)
        for count in [0, 4_097] {
            #expect(await #expect(throws: ServiceError.self) { try await source.next(count, ChatID.self) }?.code == .invalid)
        }
    }
}

/// Issues 1, 2, 3, … and records the requested counts.
private final class Mint: Sendable {
    private let state = Mutex((calls: [Int](), last: Int64(0)))
    var calls: [Int] { state.withLock { $0.calls } }
    func record(_ count: Int) { state.withLock { $0.calls.append(count) } }
    func issue(_ count: Int) -> [Int64] {
        state.withLock { state in
            defer { state.last += Int64(count) }
            return (1...Int64(count)).map { state.last + $0 }
        }
    }
}
