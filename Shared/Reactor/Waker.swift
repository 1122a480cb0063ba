import Foundation

/// A pipe that wakes a polling thread from another thread.
struct Waker: Sendable {
    let descriptor: CInt
    private let writer: CInt

    /// - Note: Traps when the process has no descriptors left, because nothing could start then.
    init() {
        var ends: [CInt] = [-1, -1]
        precondition(pipe(&ends) == 0, "no descriptors left for an I/O thread")
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        descriptor = ends[0]
        writer = ends[1]
    }

    /// Wakes the polling thread. Callable from any thread; a full pipe needs no further byte.
    func wake() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    /// Removes the bytes that have woken the thread.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
