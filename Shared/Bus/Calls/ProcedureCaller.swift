import Contracts

/// Calls other services: the bus, or a stub in tests.
package protocol ProcedureCaller: Sendable {
    func call<P: Procedure>(_ request: P) async throws -> P.Response
    /// Returns the response in CBOR, as it arrived.
    func payload<P: Procedure>(of request: P) async throws -> [UInt8]
}

extension Bus: ProcedureCaller {
    // Disfavored, so that code with a `Bus` uses the methods with typed errors.
    @_disfavoredOverload package func call<P: Procedure>(_ request: P) async throws -> P.Response {
        try await call(request, deadline: nil)
    }
    @_disfavoredOverload package func payload<P: Procedure>(of request: P) async throws -> [UInt8] {
        try await payload(of: request, deadline: nil)
    }
}
