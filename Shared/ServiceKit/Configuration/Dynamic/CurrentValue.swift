import Synchronization

/// A setting that may change while the process runs. Safe from any thread.
package final class CurrentValue<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var observers: [@Sendable (Value) -> Void] = []
    }

    private let state: Mutex<State>

    package init(_ value: Value) { state = Mutex(State(value: value)) }

    package var now: Value { state.withLock(\.value) }

    package func set(_ value: Value) {
        let observers = state.withLock { state in
            state.value = value
            return state.observers
        }
        for observer in observers { observer(value) }
    }

    /// Calls `body` with every value that is set from now on, on the thread that sets it.
    package func onChange(_ body: @escaping @Sendable (Value) -> Void) {
        state.withLock { $0.observers.append(body) }
    }
}
