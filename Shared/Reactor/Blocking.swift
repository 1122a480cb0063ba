import Foundation

/// Work that blocks: connecting, name look-ups, TLS handshakes of C libraries.
package enum Blocking {
    /// Of every thread that lends itself to a C library. Some of them recurse over what a peer has nested: librabbitmq over the headers of a message,
    /// 26,000 levels in the largest frame, about 300 bytes of stack each. Only what is touched costs memory.
    static let stackSize = 32 << 20

    /// Runs `body` on a short-lived thread of its own and returns what it returns. The caller waits without holding a thread of the pool.
    ///
    /// Cancelling the caller's task does not stop `body`: whatever it calls needs a timeout of its own.
    package static func run<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result(catching: body)) }
            thread.name = "blocking"
            thread.stackSize = stackSize
            thread.start()
        }
    }
}
