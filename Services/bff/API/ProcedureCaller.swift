import Bus
import Contracts
import HTTPTypes
import Hummingbird

/// Asks other services; the bus, or in tests whatever answers.
protocol ProcedureCaller: Sendable {
    func call<P: Procedure>(_ request: P) async throws -> P.Response
    /// The response as it travels, CBOR.
    func payload<P: Procedure>(of request: P) async throws -> [UInt8]
}

extension Bus: ProcedureCaller {
    func call<P: Procedure>(_ request: P) async throws -> P.Response { try await call(request, deadline: nil) }
    func payload<P: Procedure>(of request: P) async throws -> [UInt8] { try await payload(of: request, deadline: nil) }
}

extension ProcedureCaller {
    /// Passes a response on to the client: for those that are the public resource, field for field.
    func relay<P: Procedure>(_ request: P) async throws -> Reply {
        Reply(.ok, json: try CBORTranscoder.json(try await payload(of: request)))
    }
}
