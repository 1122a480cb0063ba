import Foundation
import Synchronization

/// Raised from any thread; seen by the one that works, whose statement on the server is cancelled.
final class CancellationFlag: Sendable {
    private struct State {
        var isRaised = false
        /// Of the session that works.
        var request: CancelRequest?
    }

    private let state = Mutex(State())

    var isRaised: Bool { state.withLock { $0.isRaised } }

    func raise() {
        let isFirst = state.withLock { state in
            defer { state.isRaised = true }
            return !state.isRaised
        }
        if isFirst { cancelUntilOver() }
    }

    /// Lets the sign stop what a session does for the length of `body`.
    func watching<Result>(_ request: CancelRequest?, _ body: () throws -> Result) rethrows -> Result {
        state.withLock { $0.request = request }
        defer { state.withLock { $0.request = nil } }
        return try body()
    }

    /// A request that comes between two statements does nothing; so it is repeated until the session is done, from a thread of its own, because each blocks.
    private func cancelUntilOver() {
        Thread.detachNewThread { [self] in
            while let request = state.withLock({ $0.request }) {
                request.send()
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }
}
