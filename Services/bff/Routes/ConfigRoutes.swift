import Bus
import Contracts
import Edge
import HTTPTypes
import Hummingbird

/// The dynamic configuration, for admins.
struct ConfigRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/admin/config", access: .admin, list),
            .get("/v1/admin/config/{section}", access: .admin, read),
            .put("/v1/admin/config/{section}", access: .admin, change),
            .get("/v1/admin/config/{section}/history", access: .admin, history),
        ]
    }

    private func list(_ request: APIRequest) async throws -> APIResponse { try await bus.relay(ListSections()) }

    private func read(_ request: APIRequest) async throws -> APIResponse {
        let section = try await bus.call(GetSection(section: try request.segment("section")))
        return try APIResponse.json(section).tagged("\(section.version)", for: request)
    }

    private struct Values: JSONBody {
        var values: [String: SettingValue]
        static let fields: [BodyField] = [.required("values", .object)]
    }

    private func change(_ request: APIRequest) async throws -> APIResponse {
        let version = try request.expected { Int64($0).flatMap { $0 > 0 ? $0 : nil } }
        let body: Values = try await request.body()
        let section = try await bus.call(
            SetSection(
                section: try request.segment("section"), version: version, values: body.values, userID: try request.caller.userID)
        )
        return try APIResponse.json(section).tagged("\(section.version)")
    }

    private func history(_ request: APIRequest) async throws -> APIResponse {
        try await bus.relay(
            ListSectionChanges(
                section: try request.segment("section"), limit: try request.limit(), after: try request.query("after")))
    }
}
