import Bus
import Contracts
import ServiceKit

/// Calls over the bus that do nothing but travel: 200 bytes there and back.
struct BusEcho: Procedure {
    typealias Response = BusEcho
    static let name: ProcedureName = "chats.echo.v1"
    static let service = ServiceName.chats
    static let callers: Set<ServiceName> = [.bff]
    static let isRepeatable = true

    var text: String

    enum CodingKeys: String, CodingKey { case text }

    static func serve(_ context: ServiceContext) async throws -> String {
        let bus = try context.bus()
        bus.serve(BusEcho.self) { request, _ in request }
        return try await context.job([bus]) {
            while true { try await Task.sleep(for: .seconds(60)) }
        }
    }

    static func measure(_ context: ServiceContext, _ load: Load) async throws -> Measured {
        let bus = try context.bus()
        let request = BusEcho(text: String(repeating: "x", count: 200))
        return try await context.job([bus]) {
            try await bus.started()
            return try await load.run { _ in _ = try await bus.call(request) }
        }
    }
}
