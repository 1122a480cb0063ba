import Bus
import Contracts
import ServiceKit
import Synchronization

/// Asks other services, so that one that hangs costs only those who need it: each procedure has a bound of its own, and a circuit breaker that gives it rest
/// when it lets time run out. A refusal, whatever it says, is an answer.
final class CircuitBreakingCaller: ProcedureCaller {
    private struct Guard {
        let places: Admission
        let breaker: CircuitBreaker
    }

    private let bus: any ProcedureCaller
    private let places: @Sendable (String) -> Admission
    private let breaker: @Sendable (String) -> CircuitBreaker
    private let guards = Mutex<[ProcedureName: Guard]>([:])

    init(
        bus: any ProcedureCaller, places: @escaping @Sendable (String) -> Admission,
        breaker: @escaping @Sendable (String) -> CircuitBreaker
    ) {
        (self.bus, self.places, self.breaker) = (bus, places, breaker)
    }

    /// - Parameter atOnce: calls of one procedure under way; below what the edge works on at once, so that others always find room.
    convenience init(bus: any ProcedureCaller, context: ServiceContext, atOnce: Int) {
        self.init(
            bus: bus, places: { context.admission("calls.\($0)", limit: atOnce, queue: atOnce, wait: .milliseconds(250)) },
            breaker: { context.breaker($0) })
    }

    func call<P: Procedure>(_ request: P) async throws -> P.Response {
        try await guarded(P.name) { try await self.bus.call(request) }
    }

    func payload<P: Procedure>(of request: P) async throws -> [UInt8] {
        try await guarded(P.name) { try await self.bus.payload(of: request) }
    }

    private func guarded<Answer>(_ name: ProcedureName, _ ask: () async throws -> Answer) async throws -> Answer {
        let guarding = guardian(of: name)
        return try await guarding.places.run { try await guarding.breaker.run(isFailure: Self.speaksAgainst, ask) }
    }

    private static func speaksAgainst(_ error: any Error) -> Bool { (error as? ServiceError)?.code == .deadlineExceeded }

    private func guardian(of name: ProcedureName) -> Guard {
        guards.withLock { guards in
            if let known = guards[name] { return known }
            let new = Guard(places: places(name.rawValue), breaker: breaker(name.rawValue))
            guards[name] = new
            return new
        }
    }
}
