import Bus
import Contracts
import Edge

/// Connections and blocks.
struct ContactRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/connections", .signedIn, connections),
            .get("/v1/blocks", .signedIn, blocks),
            .put("/v1/blocks/{userId}") { try await setBlock($0, blocked: true) },
            .delete("/v1/blocks/{userId}") { try await setBlock($0, blocked: false) },
        ]
            + ChangeContact.Step.allCases.map { step in
                .post("/v1/connections/{userId}/\(step.rawValue)", .signedIn) { try await take(step, $0) }
            }
    }

    private func connections(_ call: Call) async throws -> Reply {
        let page = ListContacts(userID: try call.caller.userID, limit: try call.limit(), after: try call.query("after"))
        return try await bus.relay(page)
    }

    private func take(_ step: ChangeContact.Step, _ call: Call) async throws -> Reply {
        let answer = try await bus.call(
            ChangeContact(userID: try call.caller.userID, otherID: try call.id("userId"), step: step))
        return try answer.contact.map { try .json($0) } ?? .noContent
    }

    private func blocks(_ call: Call) async throws -> Reply {
        let page = ListBlocks(userID: try call.caller.userID, limit: try call.limit(), after: try call.query("after"))
        return try await bus.relay(page)
    }

    private func setBlock(_ call: Call, blocked: Bool) async throws -> Reply {
        _ = try await bus.call(SetBlock(userID: try call.caller.userID, otherID: try call.id("userId"), blocked: blocked))
        return .noContent
    }
}
