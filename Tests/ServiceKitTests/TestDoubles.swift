import Foundation
import Logging
import Reactor
import Synchronization

@testable import ServiceKit

/// Records log lines.
final class LineRecorder: LogOutput {
    private let state = Mutex<[[UInt8]]>([])
    func write(_ line: [UInt8], soon: Bool) { state.withLock { $0.append(line) } }
    var lines: [[UInt8]] { state.withLock { $0 } }
    var objects: [[String: Any]] {
        lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] }
    }
}

/// Records finished spans.
final class SpanRecorder: SpanExporter {
    private let state = Mutex<[FinishedSpan]>([])
    func export(_ span: FinishedSpan) { state.withLock { $0.append(span) } }
    var spans: [FinishedSpan] { state.withLock { $0 } }
}

/// The I/O thread of all tests; it lives as long as the process.
let sharedIO = IOThread(name: "io")

struct Failure: Error {}

/// Suspends tasks until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var held: [CheckedContinuation<Void, Never>] = []
        var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let resumed: [CheckedContinuation<Void, Never>] = state.withLock { state in
                if state.isOpen { return [continuation] }
                state.held.append(continuation)
                let count = state.held.count
                defer { state.watchers.removeAll { $0.count <= count } }
                return state.watchers.filter { $0.count <= count }.map(\.continuation)
            }
            for continuation in resumed { continuation.resume() }
        }
    }

    func waitForArrivals(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let already = state.withLock { state in
                if state.held.count >= count { return true }
                state.watchers.append((count, continuation))
                return false
            }
            if already { continuation.resume() }
        }
    }

    func open() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }
}

/// An executor that never runs a job.
final class StuckExecutor: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) { _ = UnownedJob(job) }
}
