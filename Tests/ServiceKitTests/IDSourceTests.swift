import Contracts
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct IDDemandTests {
    @Test("a request takes whole needs, oldest first, up to 4,096 ids; each gets its own part", arguments: UInt64(1)...50)
    func anyDemand(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (demand, asked, served) = (IDDemand(), [IDDemand.Need](), [IDDemand.Need]())
        for ticket in 1...UInt64(200) {
            let need = IDDemand.Need(
                ticket: ticket, count: Int.random(in: 1...(Bool.random(using: &random) ? 20 : 4_096), using: &random))
            demand.add(need)
            if ticket.isMultiple(of: 7) { demand.withdraw(ticket) } else { asked.append(need) }
            if ticket.isMultiple(of: 20) { Self.takeAll(&demand, &served) }
        }
        Self.takeAll(&demand, &served)
        #expect(served == asked)
    }

    private static func takeAll(_ demand: inout IDDemand, _ served: inout [IDDemand.Need]) {
        while !demand.isEmpty {
            let needs = demand.take()
            let total = needs.reduce(0) { $0 + $1.count }
            #expect((1...4_096).contains(total))
            let parts = IDDemand.share(Array(0..<total), among: needs)
            #expect(parts.flatMap(\.1) == Array(0..<total))
            #expect(zip(parts, needs).allSatisfy { $0.0 == $1.ticket && $0.1.count == $1.count })
            served += needs
        }
    }
}

@Suite struct IDSourceTests {
    private let mint = Mint()

    @Test("what is needed while calls are under way shares the next one, and nobody gets another's ids")
    func coalesces() async throws {
        let gate = Gate()
        let source = IDSource(on: sharedIO, inFlightLimit: 1) { [mint] count in
            if mint.calls.isEmpty { mint.note(count); await gate.pass(); return mint.issue(count) }
            mint.note(count)
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

    @Test("a call that fails fails those who shared it, and the next one is a new try")
    func failure() async throws {
        let source = IDSource(on: sharedIO) { [mint] count in
            mint.note(count)
            if mint.calls.count == 1 { throw ServiceError(.unavailable, "nobody serves it") }
            return mint.issue(count)
        }
        let error = await #expect(throws: ServiceError.self) { try await source.next(2, ChatID.self) }
        #expect(error?.code == .unavailable)
        #expect(try await source.next(ChatID.self) == ChatID(rawValue: 1))
    }

    @Test("whoever is cancelled leaves at once; the others get what they asked for")
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

    @Test("a wrong number of ids is nobody's ids; an impossible count is refused")
    func wrongAnswers() async throws {
        let source = IDSource(on: sharedIO) { _ in [1, 2] }
        #expect(await #expect(throws: ServiceError.self) { try await source.next(3, ChatID.self) }?.code == .internal)
        for count in [0, 4_097] {
            #expect(await #expect(throws: ServiceError.self) { try await source.next(count, ChatID.self) }?.code == .invalid)
        }
    }
}

/// Issues 1, 2, 3, … and notes what was asked for.
private final class Mint: Sendable {
    private let state = Mutex((calls: [Int](), last: Int64(0)))
    var calls: [Int] { state.withLock { $0.calls } }
    func note(_ count: Int) { state.withLock { $0.calls.append(count) } }
    func issue(_ count: Int) -> [Int64] {
        state.withLock { state in
            defer { state.last += Int64(count) }
            return (1...Int64(count)).map { state.last + $0 }
        }
    }
}
