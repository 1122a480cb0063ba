import Foundation

/// Runs calls that block, such as connecting, name look-ups and TLS handshakes of C libraries.
package enum Blocking {
    /// The stack size, in bytes, of every thread that calls a C library.
    ///
    /// librabbitmq recurses over the nested headers of a message: up to 26,000 levels in the largest frame,
    /// with about 300 bytes of stack each. Only touched pages cost memory.
    static let stackSize = 32 << 20

    /// Runs `body` on a new thread and returns its result. The caller suspends and holds no thread of the
    /// pool.
    ///
    /// Cancelling the caller's task does not stop `body`: the calls inside it need timeouts of their own.
    package static func run<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result(catching: body)) }
            thread.name = "blocking"
            thread.stackSize = stackSize
            thread.start()
        }
    }
}
