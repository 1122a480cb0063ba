import Foundation
import Synchronization

/// A destination of complete log lines. Writing never waits for the reader.
package protocol LogOutput: Sendable {
    /// - Parameter soon: whether to write now instead of gathering more lines.
    func write(_ line: [UInt8], soon: Bool)
}

/// Writes lines to a file descriptor in order of arrival, on a thread of its own.
///
/// Lines are gathered for up to 20 ms, because every write wakes the reader. If the reader is slow, lines are
/// buffered up to `limit`, then dropped. Callers never block. A line of its own reports the number of dropped
/// lines.
package final class DescriptorOutput: LogOutput {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
        var isScheduled = false
        var unreportedDrops = 0
        var allDrops = 0
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    private let descriptor: CInt
    private let limit: Int

    /// - Parameter limit: the maximum number of buffered bytes.
    package init(descriptor: CInt = STDOUT_FILENO, limit: Int = 1 << 20) {
        self.descriptor = descriptor
        self.limit = limit
    }

    /// The number of lines dropped since the start.
    package var dropped: Int { state.withLock { $0.allDrops } }

    /// The longest time for which a line is gathered.
    private static let gatheringTime = DispatchTimeInterval.milliseconds(20)

    package func write(_ line: [UInt8], soon: Bool) {
        let begin: DispatchTime? = state.withLock { state in
            guard state.pending.count + line.count <= limit else {
                state.unreportedDrops += 1
                state.allDrops += 1
                return nil
            }
            state.pending.append(contentsOf: line)
            let now = soon || state.pending.count > 65_536
            if state.isWriting || state.isScheduled && !now { return nil }
            state.isScheduled = true
            return now ? .now() : .now() + Self.gatheringTime
        }
        if let begin { queue.asyncAfter(deadline: begin) { self.drain() } }
    }

    /// Blocks until all earlier lines are written, at most for `seconds`. For the end of the process.
    package func flush(within seconds: Int = 2) {
        let done = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            done.signal()
        }
        _ = done.wait(timeout: .now() + .seconds(seconds))
    }

    private func drain() {
        while let bytes = nextBatch() { writeAll(bytes) }
    }

    /// Returns the bytes to write next; `nil` when there are none.
    private func nextBatch() -> [UInt8]? {
        state.withLock { state in
            if state.unreportedDrops > 0 {
                state.pending.append(
                    contentsOf: #"{"level":"warning","message":"log lines dropped","count":\#(state.unreportedDrops)}"#.utf8)
                state.pending.append(UInt8(ascii: "\n"))
                state.unreportedDrops = 0
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
                if count > 0 { rest = rest.dropFirst(count) } else if !shouldRetry() { return }
            }
        }
    }

    /// Whether to retry a failed write. Waits up to a second for a descriptor that is full.
    private func shouldRetry() -> Bool {
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
