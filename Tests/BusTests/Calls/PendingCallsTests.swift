import CBOR
import Contracts
import TestSupport
import Testing

@testable import Bus

/// Each test is the transcript of one call.
@Suite("Pending calls") struct PendingCallsTests {
    typealias Table = PendingCalls<String>

    @Test("an answered call is removed")
    func answered() {
        var table = Table.with(1)
        let sent = table.startAttempt(1)
        #expect(sent?.attempt == .init(id: 1, number: .first))
        #expect(table.answered(1, by: "users") == "waiter 1")
        #expect(table.answered(1, by: "users") == nil)
        #expect(table.count == 0)
    }

    @Test("an answer of another service than the called one is ignored")
    func wrongSender() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(table.answered(1, by: "chats") == nil)
        #expect(table.answered(1, by: nil) == nil)
        #expect(table.answered(1, by: "users") == "waiter 1")
    }

    @Test("a call beyond the limit is refused")
    func limit() {
        var table = Table(limit: 1)
        let added = [1, 2].map { table.add(.call($0), to: .users, isRepeatable: true, "a") }
        #expect(added == [true, false])
    }

    @Test("a vital call is accepted beyond the limit, and occupies a slot")
    func vital() {
        var table = Table(limit: 1)
        let added = [true, false, true].enumerated().map { number, isVital in
            table.add(.call(UInt64(number)), to: .config, isRepeatable: true, isVital: isVital, "a")
        }
        #expect(added == [true, false, true])
    }

    @Test("the cause says that no instance served the call, and only then")
    func causes() {
        var table = Table.with(1)
        for number in [Table.Number.first, .second] {
            _ = table.startAttempt(1)
            let step = table.refused(.init(id: 1, number: number), .noServer)
            if number == .second { #expect(step.cause == .nobodyServes) }
        }
        for refusal in [Table.Refusal.full, .notSent("away")] {
            table = .with(1, repeatable: false)
            _ = table.startAttempt(1)
            let step = table.refused(.init(id: 1, number: .first), refusal)
            #expect(step.failure?.code == .unavailable && step.cause == nil)
        }
        table = .with(1)
        _ = table.startAttempt(1)
        #expect(table.deadlinePassed(1).cause == nil)
    }

    @Test("when the second attempt is returned, the deadline's error says that no instance served the call")
    func deadlineWithoutServer() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        _ = table.halfTimePassed(1)
        _ = table.startAttempt(1)
        #expect(table.refused(.init(id: 1, number: .second), .noServer).isNone)
        let end = table.deadlinePassed(1)
        #expect(end.failure == .init(.deadlineExceeded, mayHaveHappened: true))
        #expect(end.cause == .nobodyServes)
    }

    @Test("a refused call is unavailable and has not happened", arguments: [Table.Refusal.noServer, .full])
    func refused(refusal: Table.Refusal) {
        var table = Table.with(1, repeatable: false)
        _ = table.startAttempt(1)
        #expect(table.refused(.init(id: 1, number: .first), refusal).failure == .init(.unavailable, mayHaveHappened: false))
        #expect(table.count == 0)
    }

    @Test("a repeatable call is repeated once when refused, then fails", arguments: [Table.Refusal.noServer, .full])
    func repeatedWhenRefused(refusal: Table.Refusal) {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(table.refused(.init(id: 1, number: .first), refusal).isSend)
        #expect(table.nextNumber(1) == .second)
        #expect(table.refused(.init(id: 1, number: .second), refusal).failure == .init(.unavailable, mayHaveHappened: false))
    }

    @Test("a call that cannot be sent fails at once, repeatable or not", arguments: [true, false])
    func notSent(repeatable: Bool) {
        var table = Table.with(1, repeatable: repeatable)
        _ = table.startAttempt(1)
        let step = table.refused(.init(id: 1, number: .first), .notSent("away"))
        #expect(step.failure == .init(.unavailable, mayHaveHappened: false))
    }

    @Test("at half of its time a repeatable call is sent again, and the first answer counts")
    func halfTime() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(table.halfTimePassed(1).isSend)
        #expect(table.nextNumber(1) == .second)
        #expect(table.halfTimePassed(1).isNone)
        #expect(table.answered(1, by: "users") == "waiter 1")
        #expect(table.answered(1, by: "users") == nil)
    }

    @Test("while two attempts are under way, or after one was lost, an error leaves the other's effect open")
    func inDoubt() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(!table.isInDoubt(1))
        _ = table.halfTimePassed(1)
        #expect(!table.isInDoubt(1))
        _ = table.startAttempt(1)
        #expect(table.isInDoubt(1))
        #expect(table.refused(.init(id: 1, number: .first), .full).isNone)
        #expect(!table.isInDoubt(1))

        var lost = Table.with(2)
        _ = lost.startAttempt(2)
        _ = lost.lost(.init(id: 2, number: .first))
        #expect(!lost.isInDoubt(2))
        _ = lost.connected()
        _ = lost.startAttempt(2)
        #expect(lost.isInDoubt(2))
    }

    @Test("an error of one of two attempts may have happened")
    func oneOfTwo() throws {
        let error = ServiceError(.unavailable, "busy", retryAfterMilliseconds: 500)
        let reply = WireReply(correlationID: 1, kind: .error, payload: try CBOREncoder.contracts.encode(error))
        #expect(reply.answer(isInDoubt: false) == .failure(error))
        let doubtful = ServiceError(.unknownOutcome, "busy", mayHaveHappened: true, retryAfterMilliseconds: 500)
        #expect(reply.answer(isInDoubt: true) == .failure(doubtful))
    }

    @Test("a call that is not repeatable is not sent again")
    func notRepeatable() {
        var table = Table.with(1, repeatable: false)
        _ = table.startAttempt(1)
        #expect(table.halfTimePassed(1).isNone)
        #expect(table.startAttempt(1) == nil)
        #expect(table.lost(.init(id: 1, number: .first)).failure == .init(.unknownOutcome, mayHaveHappened: true))
    }

    @Test("when the second attempt finds no server, the first may still be answered")
    func repeatRefused() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        _ = table.halfTimePassed(1)
        _ = table.startAttempt(1)
        #expect(table.refused(.init(id: 1, number: .second), .noServer).isNone)
        #expect(table.answered(1, by: "users") == "waiter 1")
    }

    @Test("after a lost connection a repeatable call waits for the next one and is sent again")
    func lostAndBack() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(table.lost(.init(id: 1, number: .first)).isSendWhenConnected)
        #expect(table.halfTimePassed(1).isNone)  // a second attempt is planned already
        #expect(table.connected() == [1])
        #expect(table.nextNumber(1) == .second)
        #expect(table.lost(.init(id: 1, number: .first)).isNone)  // known already
        #expect(table.answered(1, by: "users") == "waiter 1")
    }

    @Test("without a new connection the outcome is unknown")
    func lostForGood() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        #expect(table.lostAll().map(\.step.isSendWhenConnected) == [true])
        #expect(table.connectionStayedAway().map(\.failure) == [.init(.unknownOutcome, mayHaveHappened: true)])
        #expect(table.connectionStayedAway().isEmpty)
    }

    @Test("losing all attempts returns the next step of each call, and queued calls remain")
    func lostAll() {
        var table = Table.with(1)
        _ = table.add(.call(2), to: .users, isRepeatable: false, "waiter 2")
        _ = table.add(.call(3), to: .users, isRepeatable: false, "waiter 3")
        _ = table.startAttempt(1)
        _ = table.startAttempt(2)
        let steps = Dictionary(uniqueKeysWithValues: table.lostAll().map { ($0.id, $0.step) })
        #expect(steps[1]?.isSendWhenConnected == true)
        #expect(steps[2]?.failure == .init(.unknownOutcome, mayHaveHappened: true))
        #expect(steps[3] == nil)
        #expect(table.startAttempt(3) != nil)
    }

    @Test("after a lost attempt, a refused second one still may have happened")
    func lostThenRefused() {
        var table = Table.with(1)
        _ = table.startAttempt(1)
        _ = table.lost(.init(id: 1, number: .first))
        _ = table.connected()
        _ = table.startAttempt(1)
        #expect(table.refused(.init(id: 1, number: .second), .noServer).failure == .init(.unknownOutcome, mayHaveHappened: true))
    }

    @Test("at the deadline a sent call may have happened, an unsent one has not")
    func deadline() {
        var table = Table.with(1)
        #expect(table.deadlinePassed(1).failure == .init(.deadlineExceeded, mayHaveHappened: false))
        table = .with(1)
        _ = table.startAttempt(1)
        #expect(table.deadlinePassed(1).failure == .init(.deadlineExceeded, mayHaveHappened: true))
        #expect(table.deadlinePassed(1).isNone)
    }

    @Test("a cancelled call frees its slot and is not sent")
    func cancelled() {
        var table = Table.with(1)
        #expect(table.cancelled(1).failure?.code == .deadlineExceeded)
        #expect(table.startAttempt(1) == nil)
        #expect(table.count == 0)
        #expect(table.refused(.init(id: 1, number: .first), .noServer).isNone)
    }

    @Test(
        "after any order of events each call has ended exactly once, with at most two attempts", arguments: UInt64(1)...100)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var walk = Walk(random: random)
        for id in UInt64(1)...40 { walk.begin(id, repeatable: Bool.random(using: &random)) }
        for _ in 0..<600 { walk.step() }
        walk.finish()
        #expect(walk.ended.count == 40)
        #expect(walk.ended.values.allSatisfy { $0 == 1 })
        #expect(walk.attempts.values.allSatisfy { $0 <= 2 })
    }
}

/// Sends random events to a table and counts the outcomes.
private struct Walk {
    var random: SeededGenerator
    var table = PendingCalls<String>(limit: 100)
    var ended: [String: Int] = [:]
    var attempts: [UInt64: Int] = [:]
    var sent: [PendingCalls<String>.Attempt] = []

    mutating func begin(_ id: UInt64, repeatable: Bool) {
        _ = table.add(.call(id), to: .users, isRepeatable: repeatable, "waiter \(id)")
    }

    mutating func step() {
        let id = UInt64.random(in: 1...40, using: &random)
        let attempt = sent.randomElement(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0...4:
            guard let started = table.startAttempt(id) else { return }
            attempts[id, default: 0] += 1
            sent.append(started.attempt)
        case 5: if let attempt { record(table.refused(attempt, .full)) }
        case 6: if let attempt { record(table.lost(attempt)) }
        case 7: record(table.halfTimePassed(id))
        case 8: _ = table.connected()
        case 9: for (_, step) in table.lostAll() { record(step) }
        case 10: if let waiter = table.answered(id, by: "users") { ended[waiter, default: 0] += 1 }
        default: if Int.random(in: 0..<8, using: &random) == 0 { record(table.deadlinePassed(id)) }
        }
    }

    mutating func finish() { for step in table.abandonAll() { record(step) } }

    mutating func record(_ step: PendingCalls<String>.Step) {
        if case .fail(let waiter, _) = step { ended[waiter, default: 0] += 1 }
    }
}

struct Failure: Equatable {
    var code: ServiceError.Code
    var mayHaveHappened: Bool
    init(_ code: ServiceError.Code, mayHaveHappened: Bool) {
        self.code = code
        self.mayHaveHappened = mayHaveHappened
    }
}

extension PendingCalls.Step {
    var failure: Failure? {
        if case .fail(_, let error) = self { Failure(error.code, mayHaveHappened: error.mayHaveHappened) } else { nil }
    }
    var cause: ServiceError.Cause? { if case .fail(_, let error) = self { error.cause } else { nil } }
    var isSend: Bool { if case .send = self { true } else { false } }
    var isSendWhenConnected: Bool { if case .sendWhenConnected = self { true } else { false } }
    var isNone: Bool { if case .none = self { true } else { false } }
}

extension PendingCalls<String> {
    /// Starts an attempt and returns its number.
    mutating func nextNumber(_ id: UInt64) -> Number? { startAttempt(id)?.attempt.number }

    static func with(_ id: UInt64, repeatable: Bool = true) -> PendingCalls {
        var table = PendingCalls(limit: 10)
        _ = table.add(.call(id), to: .users, isRepeatable: repeatable, "waiter \(id)")
        return table
    }
}

extension WireCall {
    static func call(_ id: UInt64) -> WireCall {
        WireCall(correlationID: id, deadline: 0, procedure: "users.test.v1", context: [], payload: [])
    }
}
