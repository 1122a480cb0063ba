import AMQP
import BusTesting
import Contracts
import TestSupport
import Testing

@testable import Bus

@Suite("Calls over the broker", .timeLimit(.minutes(3))) struct CallTests {
    @Test("a call is answered, with the caller's verified name and the deadline")
    func roundTrip() async throws {
        try await TestBroker.with { broker in
            let contexts = ValueRecorder<CallContext>()
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self) { request, context in
                        contexts.add(context)
                        return Echo(text: request.text, number: request.number + 1)
                    }
                }
            ) { _ in
                try await broker.bus(.bff) { bff in
                    let deadline = Deadline.after(.seconds(60))
                    let answer = try await bff.call(Echo(text: "hello"), deadline: deadline)
                    #expect(answer == Echo(text: "hello", number: 1))
                    #expect(contexts.all.map(\.caller) == [.bff])
                    #expect(contexts.all.map(\.procedure) == [Echo.name])
                    #expect(contexts.all.map(\.deadline) == [deadline])
                }
            }
        }
    }

    @Test("each of a thousand concurrent calls gets its own answer")
    func many() async throws {
        try await TestBroker.with { broker in
            try await broker.bus(.users, register: { $0.serve(Echo.self, atMost: 1_000) { request, _ in request } }) { _ in
                try await broker.bus(.bff) { bff in
                    let answers = try await withThrowingTaskGroup { group in
                        for number in 0..<1_000 {
                            group.addTask {
                                try await bff.call(Echo(text: "many", number: number), deadline: .after(.seconds(60)))
                            }
                        }
                        return try await group.reduce(into: Set<Int>()) { $0.insert($1.number) }
                    }
                    #expect(answers.count == 1_000)
                }
            }
        }
    }

    @Test("calls of one turn share messages of at most 32")
    func coalescing() async throws {
        try await TestBroker.with { broker in
            try await broker.raw { try $0.declareRequests(of: "users") }
            try await broker.bus(.bff) { bff in
                let tasks = await Task(executorPreference: TestBroker.io) {
                    (0..<40).map { number in
                        Task(executorPreference: TestBroker.io) { try? await bff.call(Echo(text: "x", number: number)) }
                    }
                }.value
                let sizes = try await eventually("40 calls") {
                    let status = try await broker.raw { try $0.status(ofQueue: "raw") }
                    guard status.messages >= 2 else { return [Int]?.none }
                    return try await broker.raw { raw in
                        try (0..<status.messages).compactMap { _ in try raw.get(fromQueue: "raw") }.map {
                            try CallEnvelope.decode($0.body).count
                        }
                    }
                }
                #expect(sizes == [32, 8])
                for task in tasks { task.cancel() }
                for task in tasks { #expect(await task.value == nil) }
            }
        }
    }

    @Test("an error arrives with code, message, fields, retry hint and whether it may have happened")
    func errors() async throws {
        try await TestBroker.with { broker in
            let error = ServiceError(
                .conflict, "taken", fields: [.init("username", "is taken")], mayHaveHappened: true, retryAfterMilliseconds: 7)
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self) { request, _ in
                        if request.number == 0 { throw error }
                        throw SomethingElse()
                    }
                }
            ) { _ in
                try await broker.bus(.bff) { bff in
                    await #expect(throws: error) { try await bff.call(Echo(text: "")) }
                    let other = await failure { try await bff.call(Echo(text: "secret", number: 1)) }
                    #expect(other?.code == .internal)
                    #expect(other?.mayHaveHappened == true)
                    #expect(other?.message.contains("secret") == false)
                }
            }
        }
    }

    @Test("without an instance of the service a call is unavailable at once")
    func noServer() async throws {
        try await TestBroker.with { broker in
            try await broker.bus(.bff) { bff in
                let error = await failure { try await bff.call(Echo(text: ""), deadline: .after(.seconds(600))) }
                #expect(error?.code == .unavailable)
                #expect(error?.mayHaveHappened == false)
                #expect(await failure { try await bff.call(Lookup(key: 1)) }?.code == .unavailable)
            }
        }
    }

    @Test("a call to a full queue is unavailable at once")
    func fullQueue() async throws {
        try await TestBroker.with { broker in
            try await broker.raw { raw in
                try raw.declareRequests(of: "users", arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
                try raw.publish(.init(exchange: "martlet.rpc", routingKey: "users", body: [0]))
            }
            try await broker.bus(.bff) { bff in
                let error = await failure { try await bff.call(Lookup(key: 1)) }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("too many") == true)
            }
        }
    }

    @Test("without a broker calls are unavailable at once")
    func notConnected() async throws {
        try await TestBroker.with { broker in
            var configuration = broker.configuration(of: .bff)
            configuration.endpoint.port = 1
            let bus = Bus(configuration, on: TestBroker.io, logger: TestBroker.logger)
            let error = await failure { try await bus.call(Lookup(key: 1)) }
            #expect(error?.code == .unavailable)
        }
    }

    @Test("a call beyond the handlers' limit is unavailable at once")
    func admission() async throws {
        try await TestBroker.with { broker in
            let (begun, end) = (OneShotSignal<Void>(), OneShotSignal<Void>())
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self, atMost: 1) { request, _ in
                        begun.send()
                        await end.value
                        return request
                    }
                }
            ) { _ in
                try await broker.bus(.bff) { bff in
                    async let first = bff.call(Echo(text: "first"), deadline: .after(.seconds(60)))
                    await begun.value
                    #expect(
                        await failure { try await bff.call(Echo(text: "second"), deadline: .after(.seconds(60))) }?.code
                            == .unavailable)
                    end.send()
                    let answer = try await first
                    #expect(answer.text == "first")
                }
            }
        }
    }

    @Test("a vital call is refused neither by a caller nor by a server at its limit")
    func vital() async throws {
        try await TestBroker.with { broker in
            let (begun, end) = (OneShotSignal<Void>(), OneShotSignal<Void>())
            try await broker.bus(
                .users, configure: { $0.handledAtOnce = 1 },
                register: {
                    $0.serve(Beat.self) { _, _ in EmptyResponse() }
                    $0.serve(Echo.self) { request, _ in
                        begun.send()
                        await end.value
                        return request
                    }
                }
            ) { _ in
                try await broker.bus(.bff, configure: { $0.callsAtOnce = 1 }) { bff in
                    async let first = bff.call(Echo(text: "first"), deadline: .after(.seconds(60)))
                    await begun.value
                    #expect(await failure { try await bff.call(Echo(text: "second")) }?.code == .unavailable)
                    let answer = try await bff.call(Beat())
                    #expect(answer == EmptyResponse())
                    end.send()
                    _ = try await first
                }
            }
        }
    }

    @Test("a stop answers the calls in progress and accepts no further ones")
    func gracefulStop() async throws {
        try await TestBroker.with { broker in
            let begun = OneShotSignal<Void>()
            try await broker.bus(.bff) { bff in
                let call = try await broker.bus(
                    .users,
                    register: {
                        $0.serve(Echo.self) { request, _ in
                            begun.send()
                            try await gracefulStopSeen(bff)
                            return request
                        }
                    }
                ) { _ in
                    let call = Task { try await bff.call(Echo(text: "in progress"), deadline: .after(.seconds(60))) }
                    await begun.value
                    return call
                }
                #expect(try await call.value.text == "in progress")
                #expect(await failure { try await bff.call(Echo(text: "later")) }?.code == .unavailable)
            }
        }
    }

    /// Returns when users accepts no calls any more.
    private func gracefulStopSeen(_ bff: Bus) async throws {
        _ = try await eventually("users stops") {
            // A call still in the queue disappears with it, unanswered.
            let error = await failure { try await bff.call(Lookup(key: 1), deadline: .after(.milliseconds(300))) }
            return error?.code == .unavailable ? true : nil
        }
    }
}

struct SomethingElse: Error {}

/// The error of `body`; `nil` when it succeeds.
func failure<Answer>(_ body: () async throws -> Answer) async -> ServiceError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? ServiceError
    }
}

/// A vital procedure.
private struct Beat: Procedure {
    typealias Response = EmptyResponse
    static let name: ProcedureName = "users.beat.v1"
    static let service = ServiceName.users
    static let callers: Set<ServiceName> = [.bff]
    static let timeout: Duration = .seconds(60)
    static let isRepeatable = true
    static let isVital = true
}
