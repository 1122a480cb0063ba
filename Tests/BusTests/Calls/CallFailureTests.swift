import AMQP
import BusTesting
import CBOR
import Contracts
import TestSupport
import Testing

@testable import Bus

@Suite("Calls that fail", .timeLimit(.minutes(3))) struct CallFailureTests {
    @Test("the deadline ends the wait of the caller and cancels the handler")
    func deadline() async throws {
        let cancelled = OneShotSignal<Void>()
        try await TestBroker.serving(Echo.self) { _, _ in
            do { try await untilCancelled() } catch {
                cancelled.send()
                throw error
            }
        } _: { _, bff in
            // A call that arrives after its deadline is refused without a handler.
            try await eventually("the end of a handler") {
                let error = await failure { try await bff.call(Echo(text: ""), deadline: .after(.milliseconds(100))) }
                #expect(error?.code == .deadlineExceeded)
                #expect(error?.mayHaveHappened == true)
                return cancelled.isSent ? () : nil
            }
        }
    }

    @Test("without time left, nothing is sent")
    func noTimeLeft() async throws {
        try await TestBroker.with { broker in
            try await broker.bus(.bff) { bff in
                let error = await failure { try await bff.call(Echo(text: ""), deadline: .after(.zero)) }
                #expect(error == ServiceError(.deadlineExceeded, error?.message ?? "", mayHaveHappened: false))
            }
        }
    }

    @Test("calls of a handler inherit the deadline of its request")
    func inheritedDeadline() async throws {
        let seen = ValueRecorder<Deadline>()
        try await TestBroker.serving(Echo.self) { request, context in
            seen.add(context.deadline)
            return request
        } _: { _, bff in
            let deadline = Deadline.after(.seconds(60))
            _ = try await Deadline.$current.withValue(deadline) { try await bff.call(Echo(text: "")) }
            #expect(seen.all == [deadline])
        }
    }

    @Test("cancelling the caller frees its slot")
    func cancellation() async throws {
        let handler = BlockedHandler()
        try await TestBroker.serving(Echo.self, callsAtOnce: 1) { request, _ in
            await handler.handle(request)
        } _: { _, bff in
            defer { handler.end.send() }
            let call = Task { try await bff.call(Echo(text: ""), deadline: .after(.seconds(60))) }
            await handler.begun.value
            #expect(await failure { try await bff.call(Echo(text: "", number: 1)) }?.code == .unavailable)
            call.cancel()
            #expect(await failure { try await call.value }?.code == .deadlineExceeded)
            let next = try await bff.call(Echo(text: "", number: 1))
            #expect(next.number == 1)
        }
    }

    @Test("the call of a task that is already cancelled is not sent")
    func cancelledBefore() async throws {
        try await TestBroker.with { broker in
            try await broker.raw { try $0.declareRequests(of: "users") }
            try await broker.bus(.bff) { bff in
                let call = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return await failure { try await bff.call(Echo(text: "never")) }
                }
                #expect(
                    await call.value == ServiceError(.deadlineExceeded, await call.value?.message ?? "", mayHaveHappened: false))
                let next = Task { try? await bff.call(Echo(text: "next")) }
                let delivery = try await eventually("the next call") { try await broker.raw { try $0.take(from: "raw") } }
                let calls = try CallEnvelope.decode(delivery.body)
                #expect(try calls.map { try CBORDecoder.contracts.decode(Echo.self, from: $0.payload).text } == ["next"])
                next.cancel()
                _ = await next.value
            }
        }
    }

    @Test("a call that is cancelled at any time ends, and its slot is free again", arguments: UInt64(1)...4)
    func cancelledAnywhere(seed: UInt64) async throws {
        try await TestBroker.with { broker in
            try await broker.raw { try $0.declareRequests(of: "users") }
            try await broker.bus(.bff, configure: { $0.callsAtOnce = 300 }) { bff in
                await Self.cancelCalls(bff, seed: seed)
                // A slot that was not freed would make one of these unavailable.
                await withTaskGroup { group in
                    for _ in 0..<300 {
                        group.addTask {
                            await failure { try await bff.call(Echo(text: ""), deadline: .after(.milliseconds(500))) }
                        }
                    }
                    for await failure in group { #expect(failure?.code == .deadlineExceeded) }
                }
            }
        }
    }

    private static func cancelCalls(_ bff: Bus, seed: UInt64) async {
        await withTaskGroup { group in
            for number in 0..<300 {
                group.addTask {
                    var random = SeededGenerator(seed: seed << 32 | UInt64(number))
                    let call = Task { await failure { try await bff.call(Echo(text: ""), deadline: .after(.seconds(600))) } }
                    for _ in 0..<Int.random(in: 0...30, using: &random) { await Task.yield() }
                    call.cancel()
                    #expect(await call.value?.code == .deadlineExceeded)
                }
            }
        }
    }

    @Test("a repeatable call is sent again at half of its time, and the second attempt may answer")
    func repeatedAtHalfTime() async throws {
        let keys = ValueRecorder<Int>()
        try await TestBroker.serving(Lookup.self) { request, _ in
            keys.add(request.key)
            if keys.count == 1 { try await untilCancelled() }
            return EmptyResponse()
        } _: { _, bff in
            let answer = try await bff.call(Lookup(key: 7), deadline: .after(.seconds(10)))
            #expect(answer == EmptyResponse())
            #expect(keys.all == [7, 7])
        }
    }

    @Test("after a lost connection a call that is not repeatable has an unknown outcome, and later calls succeed")
    func lostConnection() async throws {
        let handler = BlockedHandler()
        try await TestBroker.serving(Echo.self) { request, _ in
            await handler.handle(request)
        } _: { broker, bff in
            defer { handler.end.send() }
            let call = Task { try await bff.call(Echo(text: ""), deadline: .after(.seconds(100))) }
            await handler.begun.value
            try await broker.closeConnections(named: "bff-1 calls")
            let error = await failure { try await call.value }
            #expect(error?.code == .unknownOutcome)
            #expect(error?.mayHaveHappened == true)
            let answer = try await eventually("bff is connected again") { try? await bff.call(Echo(text: "", number: 1)) }
            #expect(answer.number == 1)
        }
    }

    @Test("a server that lost its connection serves again")
    func serverReconnects() async throws {
        try await TestBroker.serving(Echo.self) { request, _ in
            request
        } _: { broker, bff in
            let before = try await bff.call(Echo(text: "before"))
            #expect(before.text == "before")
            try await broker.closeConnections(named: "users-1 calls")
            let answer = try await eventually("users serves again") { try? await bff.call(Echo(text: "after")) }
            #expect(answer.text == "after")
        }
    }
}

/// Answers a request with number 1 at once, and any other only after ``end``.
private final class BlockedHandler: Sendable {
    let begun = OneShotSignal<Void>()
    let end = OneShotSignal<Void>()

    func handle(_ request: Echo) async -> Echo {
        if request.number == 1 { return request }
        begun.send()
        await end.value
        return request
    }
}
