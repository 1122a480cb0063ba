import Contracts

/// Asks other services; the bus, or in tests whatever answers.
package protocol ProcedureCaller: Sendable {
    func call<P: Procedure>(_ request: P) async throws -> P.Response
    /// The response as it travels, CBOR.
    func payload<P: Procedure>(of request: P) async throws -> [UInt8]
}

extension Bus: ProcedureCaller {
    // Whoever has a bus is to see the errors that it throws.
    @_disfavoredOverload package func call<P: Procedure>(_ request: P) async throws -> P.Response {
        try await call(request, deadline: nil)
    }
    @_disfavoredOverload package func payload<P: Procedure>(of request: P) async throws -> [UInt8] {
        try await payload(of: request, deadline: nil)
    }
}
