import Bus
import Contracts
import Edge

/// Connections and blocks.
struct ContactRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/connections", connections),
            .get("/v1/blocks", blocks),
            .put("/v1/blocks/{userId}") { try await setBlock($0, blocked: true) },
            .delete("/v1/blocks/{userId}") { try await setBlock($0, blocked: false) },
        ]
            + ChangeContact.Step.allCases.map { step in
                .post("/v1/connections/{userId}/\(step.rawValue)") { try await change($0, by: step) }
            }
    }

    private func connections(_ request: APIRequest) async throws -> APIResponse {
        let page = ListContacts(
            userID: try request.caller.userID, limit: try request.limit(), after: try request.query("after"))
        return try await bus.relay(page)
    }

    private func change(_ request: APIRequest, by step: ChangeContact.Step) async throws -> APIResponse {
        let answer = try await bus.call(
            ChangeContact(userID: try request.caller.userID, otherID: try request.id("userId"), step: step))
        return try answer.contact.map { try .json($0) } ?? .noContent
    }

    private func blocks(_ request: APIRequest) async throws -> APIResponse {
        let page = ListBlocks(userID: try request.caller.userID, limit: try request.limit(), after: try request.query("after"))
        return try await bus.relay(page)
    }

    private func setBlock(_ request: APIRequest, blocked: Bool) async throws -> APIResponse {
        _ = try await bus.call(SetBlock(userID: try request.caller.userID, otherID: try request.id("userId"), blocked: blocked))
        return .noContent
    }
}
