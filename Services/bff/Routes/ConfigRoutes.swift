import Bus
import Contracts
import HTTPTypes
import Edge
import Hummingbird

/// The dynamic configuration, for admins.
struct ConfigRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .get("/v1/admin/config", .admin, list),
            .get("/v1/admin/config/{section}", .admin, read),
            .put("/v1/admin/config/{section}", .admin, change),
            .get("/v1/admin/config/{section}/history", .admin, history),
        ]
    }

    private func list(_ call: Call) async throws -> Reply { try await bus.relay(ListSections()) }

    private func read(_ call: Call) async throws -> Reply {
        let section = try await bus.call(GetSection(section: try call.segment("section")))
        return try Reply.json(section).tagged("\(section.version)", for: call)
    }

    private struct Values: Body {
        var values: [String: SettingValue]
        static let fields: [BodyField] = [.required("values", .object)]
    }

    private func change(_ call: Call) async throws -> Reply {
        let version = try call.expected { Int64($0).flatMap { $0 > 0 ? $0 : nil } }
        let body: Values = try await call.body()
        let section = try await bus.call(
            SetSection(
                section: try call.segment("section"), version: version, values: body.values, userID: try call.caller.userID))
        return try Reply.json(section).tagged("\(section.version)")
    }

    private func history(_ call: Call) async throws -> Reply {
        try await bus.relay(
            ListSectionChanges(
                section: try call.segment("section"), limit: try call.limit(), after: try call.query("after")))
    }
}
