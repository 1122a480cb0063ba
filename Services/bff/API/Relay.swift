import Bus
import CBOR
import Contracts
import HTTPTypes
import Hummingbird

extension ProcedureCaller {
    /// Passes a response on to the client: for those that are the public resource, field for field.
    func relay<P: Procedure>(_ request: P) async throws -> APIResponse {
        APIResponse(.ok, json: try CBORTranscoder.json(try await payload(of: request)))
    }
}
