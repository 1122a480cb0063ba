import Synchronization

/// A value that a test waits for. It is sent at most once; later sends have no effect.
package final class Told<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, waiting: [CheckedContinuation<Value, Never>])>((nil, []))

    package init() {}

    package func tell(_ value: Value) {
        let waiting = state.withLock { state in
            if state.value != nil { return [CheckedContinuation<Value, Never>]() }
            state.value = value
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    package var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let value = state.withLock { state in
                    if state.value == nil { state.waiting.append(continuation) }
                    return state.value
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }

    package var isTold: Bool { state.withLock { $0.value != nil } }
}

extension Told<Void> {
    package func tell() { tell(()) }
}

/// Records values in order.
package final class Seen<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    package init() {}

    package func add(_ value: Value) { values.withLock { $0.append(value) } }
    package var all: [Value] { values.withLock(\.self) }
    package var count: Int { all.count }
}
