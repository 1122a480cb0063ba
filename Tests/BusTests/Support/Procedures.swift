import BusTesting
import Contracts

@testable import Bus

struct Echo: Procedure, Equatable {
    typealias Response = Echo
    static let name: ProcedureName = "users.echo.v1"
    static let service = ServiceName.users
    static let callers: Set<ServiceName> = [.bff, .chats]
    static let timeout: Duration = .seconds(60)
    static let isRepeatable = false

    var text: String
    var number = 0

    enum CodingKeys: String, CodingKey { case text, number }
}

struct Lookup: Procedure, Equatable {
    typealias Response = Done
    static let name: ProcedureName = "users.lookup.v1"
    static let service = ServiceName.users
    static let callers: Set<ServiceName> = [.bff]
    static let timeout: Duration = .seconds(20)
    static let isRepeatable = true

    var key: Int

    enum CodingKeys: String, CodingKey { case key }
}

extension TestBroker {
    /// Serves `procedure` of `users` with `handler`, and lends a bus of `bff`.
    static func serving<P: Procedure>(
        _ procedure: P.Type, callsAtOnce: Int = 4_096,
        handler: @escaping @Sendable (P, CallContext) async throws -> P.Response,
        _ body: (TestBroker, Bus) async throws -> Void
    ) async throws {
        try await with { broker in
            try await broker.bus(.users, register: { $0.serve(procedure, handler) }) { _ in
                try await broker.bus(.bff, configure: { $0.callsAtOnce = callsAtOnce }) { bff in
                    try await body(broker, bff)
                }
            }
        }
    }
}
