import Bus
import Contracts
import ServiceKit
import Synchronization

/// Calls other services with a concurrency limit and a circuit breaker for each procedure, so that a service
/// that hangs fails only the requests that need it.
///
/// The circuit breaker opens on timeouts. Other errors do not count as failures.
final class CircuitBreakingCaller: ProcedureCaller {
    private struct Limits {
        let admission: Admission
        let breaker: CircuitBreaker
    }

    private let bus: any ProcedureCaller
    private let makeAdmission: @Sendable (String) -> Admission
    private let makeBreaker: @Sendable (String) -> CircuitBreaker
    private let limitsByProcedure = Mutex<[ProcedureName: Limits]>([:])

    init(
        bus: any ProcedureCaller, admission: @escaping @Sendable (String) -> Admission,
        breaker: @escaping @Sendable (String) -> CircuitBreaker
    ) {
        self.bus = bus
        makeAdmission = admission
        makeBreaker = breaker
    }

    /// - Parameter limit: the most concurrent calls of one procedure. Below the limit on requests, so that
    ///   one procedure never occupies all of them.
    convenience init(bus: any ProcedureCaller, context: ServiceContext, limit: Int) {
        self.init(
            bus: bus,
            admission: { context.admission("calls.\($0)", limit: limit, queue: limit, wait: .milliseconds(250)) },
            breaker: { context.breaker($0) })
    }

    func call<P: Procedure>(_ request: P) async throws -> P.Response {
        try await limited(P.name) { try await self.bus.call(request) }
    }

    func payload<P: Procedure>(of request: P) async throws -> [UInt8] {
        try await limited(P.name) { try await self.bus.payload(of: request) }
    }

    private func limited<Answer>(_ name: ProcedureName, _ call: () async throws -> Answer) async throws -> Answer {
        let own = limits(of: name)
        return try await own.admission.run { try await own.breaker.run(isFailure: Self.isTimeout, call) }
    }

    private static func isTimeout(_ error: any Error) -> Bool { (error as? ServiceError)?.code == .deadlineExceeded }

    private func limits(of name: ProcedureName) -> Limits {
        limitsByProcedure.withLock { limits in
            if let existing = limits[name] { return existing }
            let new = Limits(admission: makeAdmission(name.rawValue), breaker: makeBreaker(name.rawValue))
            limits[name] = new
            return new
        }
    }
}
