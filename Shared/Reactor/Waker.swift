import Foundation

/// A pipe whose reading end becomes readable when another thread has something for the waiting one.
struct Waker: Sendable {
    let descriptor: CInt
    private let writer: CInt

    /// - Note: Traps when the process has no descriptors left: nothing could start then.
    init() {
        var ends: [CInt] = [-1, -1]
        precondition(pipe(&ends) == 0, "no descriptors left for an I/O thread")
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (descriptor, writer) = (ends[0], ends[1])
    }

    /// Safe from any thread. A full pipe is as good as a byte more.
    func wake() {
        var byte: UInt8 = 1
        _ = write(writer, &byte, 1)
    }

    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
