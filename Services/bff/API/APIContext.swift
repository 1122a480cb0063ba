import Contracts
import Edge
import Hummingbird
import ServiceKit
import Synchronization

/// The state of one request, from its arrival to its response.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Names the request in its response, in logs and in problems, unless the client chose a name.
    let requestID = ServiceKit.RequestID()
    /// Set on routes that need an access token.
    var caller: Caller?
    /// The caller's identity for the access log: handlers work on copies of this context, which share it.
    let identity = RequestIdentity()

    /// The route that matched, with `{name}` for parameters; `nil` when none did.
    var route: String? { endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil } }

    init(source: Source) { coreContext = .init(source: source) }

    final class RequestIdentity: Sendable {
        private let state = Mutex<UserID?>(nil)
        var userID: UserID? {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }
}
