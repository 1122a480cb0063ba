import Contracts
import Hummingbird
import Edge
import ServiceKit
import Synchronization

/// What belongs to one request from its first byte to its answer.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Names the request in the answer, the logs and the problem; given by the client or made here.
    let requestID = ServiceKit.RequestID()
    /// Who asks; known on routes that need it.
    var caller: Caller?
    /// The same, told to whoever keeps the accessLog: routes work on a copy of this context.
    let identity = RequestIdentity()

    /// The route that the request took, with `{name}` for what varies; `nil` when there is none.
    var route: String? { endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil } }

    init(source: Source) { coreContext = .init(source: source) }

    final class RequestIdentity: Sendable {
        private let known = Mutex<UserID?>(nil)
        var userID: UserID? {
            get { known.withLock { $0 } }
            set { known.withLock { $0 = newValue } }
        }
    }
}
