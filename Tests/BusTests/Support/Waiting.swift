import Synchronization
import TestSupport

/// Something that a test waits for, told at most once; telling again changes nothing.
final class Told<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, waiting: [CheckedContinuation<Value, Never>])>((nil, []))

    func tell(_ value: Value) {
        let waiting = state.withLock { state in
            if state.value != nil { return [CheckedContinuation<Value, Never>]() }
            state.value = value
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    var value: Value {
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

    var isTold: Bool { state.withLock { $0.value != nil } }
}

extension Told<Void> {
    func tell() { tell(()) }
}

/// What was seen, in order.
final class Seen<Value: Sendable>: Sendable {
    private let list = Mutex<[Value]>([])
    func add(_ value: Value) { list.withLock { $0.append(value) } }
    var all: [Value] { list.withLock(\.self) }
    var count: Int { all.count }
}

/// Waits until the task is cancelled: a handler that never answers by itself.
func forever() async throws -> Never {
    try await untilCancelled()
}
