import Bus
import Contracts

/// Asks other services; the bus, or in tests whatever answers.
protocol ProcedureCaller: Sendable {
    func call<P: Procedure>(_ request: P) async throws -> P.Response
}

extension Bus: ProcedureCaller {
    func call<P: Procedure>(_ request: P) async throws -> P.Response { try await call(request, deadline: nil) }
}
