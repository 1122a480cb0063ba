import BusTesting
import Contracts
import ServiceKit
import TestSupport
import Testing
import Tracing

@testable import Bus

@Suite("One trace over several services", .timeLimit(.minutes(3))) struct TraceTests {
    init() { Traces.bootstrapped }

    /// The context and deadline that a handler found.
    private struct Found: Sendable {
        let context: InstrumentationContext?
        let deadline: Deadline?
    }

    @Test("the server's span is a child of the caller's, with deadline and request id, two calls deep")
    func calls() async throws {
        try await TestBroker.with { broker in
            let (outer, inner) = (ValueRecorder<Found>(), ValueRecorder<Found>())
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self) { request, _ in
                        inner.add(Found(context: .current, deadline: .current))
                        return request
                    }
                }
            ) { _ in
                try await chats(broker, outer) {
                    try await broker.bus(.bff) { bff in
                        let deadline = Deadline.after(.seconds(40))
                        let trace = try await Traces.with { trace in
                            _ = try await bff.call(Relay(), deadline: deadline)
                            return trace
                        }
                        for found in outer.all + inner.all {
                            #expect(found.deadline == deadline)
                            #expect(found.context?.requestID == "request-1")
                            #expect(found.context?.trace?.traceID == trace.traceID)
                        }
                        let spans = try await eventually("four spans") { Self.chain(from: trace, 4) }
                        #expect(spans.map(\.name) == ["chats.relay.v1", "chats.relay.v1", "users.echo.v1", "users.echo.v1"])
                        #expect(spans.map(\.kind) == [.client, .server, .client, .server])
                        #expect(outer.all.first?.context?.trace?.spanID == spans[1].trace.spanID)
                        #expect(inner.all.first?.context?.trace?.spanID == spans[3].trace.spanID)
                    }
                }
            }
        }
    }

    @Test("a call without a trace is handled without one")
    func none() async throws {
        try await TestBroker.with { broker in
            let found = ValueRecorder<Found>()
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self) { request, _ in
                        found.add(Found(context: .current, deadline: .current))
                        return request
                    }
                }
            ) { _ in
                try await broker.bus(.bff) { bff in _ = try await bff.call(Echo(text: "")) }
            }
            #expect(found.all.first?.context?.requestID == nil)
            #expect(found.all.first?.context?.trace?.isSampled != true)
        }
    }

    @Test("an event carries the trace of its cause to its consumer, also when the sweeper publishes it")
    func events() async throws {
        try await EventWorld.with { world in
            let found = ValueRecorder<Found>()
            try await world.broker.bus(
                .chats,
                register: { bus in
                    var queue = WorkQueue("names", inbox: Inbox(world.pool))
                    queue.on(UserRenamed.self) { _, _ in found.add(Found(context: .current, deadline: .current)) }
                    bus.consume(queue)
                }
            ) { _ in
                try await world.broker.bus(.users) { users in
                    let outbox = world.outbox(users)
                    for isSwept in [false, true] {
                        let trace = try await Traces.with { trace in
                            let event = try await withSpan("cause") { _ in try await world.commit("Grace") }
                            if !isSwept { outbox.committed([event]) }
                            return trace
                        }
                        if isSwept {
                            try await world.age()
                            _ = await outbox.sweep()
                        }
                        let spans = try await eventually("the consumer's span") { Self.chain(from: trace, 2) }
                        #expect(spans.map(\.name) == ["cause", "users.test.renamed.v1"])
                        #expect(spans.last?.kind == .consumer)
                        #expect(found.all.last?.context?.trace?.spanID == spans.last?.trace.spanID)
                        #expect(found.all.last?.deadline != nil)
                    }
                }
            }
        }
    }

    /// A service between the two others.
    private func chats(_ broker: TestBroker, _ seen: ValueRecorder<Found>, while body: () async throws -> Void) async throws {
        let own = OneShotSignal<Bus>()
        try await broker.bus(
            .chats,
            register: { bus in
                own.send(bus)
                bus.serve(Relay.self) { _, _ in
                    seen.add(Found(context: .current, deadline: .current))
                    _ = try await own.value.call(Echo(text: "deeper"))
                    return EmptyResponse()
                }
            }
        ) { _ in try await body() }
    }

    /// The spans of a trace, each the child of the one before; `nil` until there are so many.
    private static func chain(from root: TraceContext, _ count: Int) -> [FinishedSpan]? {
        let spans = Traces.spans(of: root)
        var (chain, parent) = ([FinishedSpan](), root.spanID)
        while let next = spans.first(where: { $0.parent == parent }) {
            chain.append(next)
            parent = next.trace.spanID
        }
        return chain.count == count && spans.count == count ? chain : nil
    }
}

private struct Relay: Procedure {
    typealias Response = EmptyResponse
    static let name: ProcedureName = "chats.relay.v1"
    static let service = ServiceName.chats
    static let callers: Set<ServiceName> = [.bff]
    static let timeout: Duration = .seconds(60)
    static let isRepeatable = false
}
