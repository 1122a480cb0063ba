import Foundation
import Synchronization

/// A flag that any thread can set. Setting it cancels the statement that the migrating thread runs on the
/// server.
final class CancellationFlag: Sendable {
    private struct State {
        var isSet = false
        /// The request that cancels the current session.
        var request: CancelRequest?
    }

    private let state = Mutex(State())

    var isSet: Bool { state.withLock { $0.isSet } }

    func set() {
        let isFirst = state.withLock { state in
            defer { state.isSet = true }
            return !state.isSet
        }
        if isFirst { cancelRepeatedly() }
    }

    /// Runs `body`, during which setting the flag sends `request`.
    func withRequest<Result>(_ request: CancelRequest?, _ body: () throws -> Result) rethrows -> Result {
        state.withLock { $0.request = request }
        defer { state.withLock { $0.request = nil } }
        return try body()
    }

    /// Sends the request until the session ends, because one that arrives between two statements has no
    /// effect. Uses a thread of its own, because each request blocks.
    private func cancelRepeatedly() {
        Thread.detachNewThread { [self] in
            while let request = state.withLock({ $0.request }) {
                request.send()
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }
}
