import Synchronization

/// Thrown by ``eventually(within:_:)`` after its time limit, and by tests for unexpected results.
package struct NotYet: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// Polls `body` until it returns a value: for events in other processes that send no signal. Never a
/// substitute for a delay.
///
/// - Parameter limit: long, because the machine may be slow.
/// - Throws: ``NotYet`` after `limit`, or the error of `body`.
package func eventually<Answer>(
    within limit: Duration = .seconds(60), _ what: String = "it", isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Answer?
) async throws -> Answer {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let answer = try await body() { return answer }
        if clock.now > deadline { throw NotYet(description: "\(what) did not happen within \(limit)") }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits until the task is cancelled, like a call that is never answered.
package func untilCancelled() async throws -> Never {
    while true { try await Task.sleep(for: .seconds(3_600)) }
}

/// A value that a test waits for. It is sent at most once; later sends have no effect.
package final class OneShotSignal<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, waiting: [CheckedContinuation<Value, Never>])>((nil, []))

    package init() {}

    package func send(_ value: Value) {
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

    package var isSent: Bool { state.withLock { $0.value != nil } }
}

extension OneShotSignal<Void> {
    package func send() { send(()) }
}

/// Records values in order.
package final class ValueRecorder<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    package init() {}

    package func add(_ value: Value) { values.withLock { $0.append(value) } }
    package var all: [Value] { values.withLock(\.self) }
    package var count: Int { all.count }
}
