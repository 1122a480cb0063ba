import Synchronization

/// Some settings as they are now, put together: to be asked for wherever they are needed, however often. Safe from any thread.
package final class CurrentValue<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    /// - Parameter value: what holds until ``set(_:)``; for ever, where nobody changes it.
    package init(_ value: Value) { state = Mutex(value) }

    /// A lock that nobody holds for long, and a copy.
    package var now: Value { state.withLock { $0 } }

    package func set(_ value: Value) { state.withLock { $0 = value } }
}
