import Contracts

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
    typealias Response = EmptyResponse
    static let name: ProcedureName = "users.lookup.v1"
    static let service = ServiceName.users
    static let callers: Set<ServiceName> = [.bff]
    static let timeout: Duration = .seconds(20)
    static let isRepeatable = true

    var key: Int

    enum CodingKeys: String, CodingKey { case key }
}
