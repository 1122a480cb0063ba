import Contracts
import Hummingbird

/// What belongs to one request from its first byte to its answer.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Names the request in the answer, the logs and the problem; given by the client or made here.
    let requestID = RequestID()
    /// Who asks; known on routes that need it.
    var caller: Caller?

    init(source: Source) { coreContext = .init(source: source) }
}

/// Who a verified access token speaks for.
struct Caller: Hashable, Sendable {
    let userID: UserID
    let sessionID: SessionID
    let roles: [Role]
}
