import Foundation
import Synchronization

/// Takes complete lines. Never waits for whoever reads them.
package protocol LogOutput: Sendable {
    /// - Parameter soon: without waiting for others to be written together with it.
    func write(_ line: [UInt8], soon: Bool)
}

/// Lines to a descriptor, written by a thread of its own in the order they came.
///
/// Lines that come within a few milliseconds are written together, as each writing wakes whoever reads them. A reader that is slow costs memory up to a bound and then lines, never the caller's time. What was left out is counted and told in a line.
package final class DescriptorOutput: LogOutput {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
        var isScheduled = false
        var dropped = 0
        var droppedEver = 0
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    private let descriptor: CInt
    private let limit: Int

    /// - Parameter limit: bytes that may wait to be written.
    package init(descriptor: CInt = STDOUT_FILENO, limit: Int = 1 << 20) { (self.descriptor, self.limit) = (descriptor, limit) }

    /// Lines left out since the start.
    package var dropped: Int { state.withLock { $0.droppedEver } }

    /// How long a line may wait for company.
    private static let gathering = DispatchTimeInterval.milliseconds(20)

    package func write(_ line: [UInt8], soon: Bool) {
        let begin: DispatchTime? = state.withLock { state in
            guard state.pending.count + line.count <= limit else {
                state.dropped += 1
                state.droppedEver += 1
                return nil
            }
            state.pending.append(contentsOf: line)
            let now = soon || state.pending.count > 65_536
            if state.isWriting || state.isScheduled && !now { return nil }
            state.isScheduled = true
            return now ? .now() : .now() + Self.gathering
        }
        if let begin { queue.asyncAfter(deadline: begin) { self.drain() } }
    }

    /// Waits until what came before is written, `seconds` at most. Blocks: for the end of a process.
    package func flush(within seconds: Int = 2) {
        let done = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            done.signal()
        }
        _ = done.wait(timeout: .now() + .seconds(seconds))
    }

    private func drain() {
        while let bytes = take() { writeAll(bytes) }
    }

    /// What is to be written next; `nil` ends the writing.
    private func take() -> [UInt8]? {
        state.withLock { state in
            if state.dropped > 0 {
                state.pending.append(
                    contentsOf: #"{"level":"warning","message":"log lines were left out","count":\#(state.dropped)}"#.utf8)
                state.pending.append(UInt8(ascii: "\n"))
                state.dropped = 0
            }
            state.isScheduled = false
            state.isWriting = !state.pending.isEmpty
            if state.pending.isEmpty { return nil }
            defer { state.pending = [] }
            return state.pending
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 { rest = rest.dropFirst(count) } else if !mayTryAgain() { return }
            }
        }
    }

    /// Whether a refused write is worth repeating; waits for room first where there is none.
    private func mayTryAgain() -> Bool {
        switch errno {
        case EINTR: return true
        case EAGAIN:
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, 1_000)
            return true
        default: return false
        }
    }
}
