import Foundation
import Synchronization

/// A TCP proxy to a server on this machine that forwards bytes, or withholds them like a silent network
/// failure.
package final class NetworkProxy: Sendable {
    private struct State {
        var isOver = false
        var isStalled = false
        var sockets: Set<CInt> = []
    }

    package let port: Int
    private let target: Int
    private let listener: CInt
    private let state = Mutex(State())
    /// Broadcast when the state changes.
    private let changed = NSCondition()

    /// Runs `body` with a proxy to a local port, and closes its connections afterwards.
    package static func with<Result>(
        to port: Int, isolation: isolated (any Actor)? = #isolation, _ body: (NetworkProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try NetworkProxy(to: port)
        defer { proxy.cut() }
        return try await body(proxy)
    }

    private init(to target: Int) throws {
        self.target = target
        listener = Loopback.socket()
        port = try Loopback.listen(listener)
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                Thread.detachNewThread { self.forward(client) }
            }
        }
    }

    /// Withholds all bytes silently. New connections are accepted and get no answer.
    package func stall() { change { $0.isStalled = true } }

    /// Forwards the withheld bytes and all later ones.
    package func resume() { change { $0.isStalled = false } }

    private func cut() {
        shutdown(listener, CInt(SHUT_RDWR))
        change { state in
            state.isOver = true
            for socket in state.sockets { shutdown(socket, CInt(SHUT_RDWR)) }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        changed.lock()
        state.withLock { body(&$0) }
        changed.broadcast()
        changed.unlock()
    }

    /// Waits until bytes may pass. Returns false once the proxy has ended.
    private func waitUntilOpen() -> Bool {
        changed.lock()
        defer { changed.unlock() }
        while true {
            let (isOver, isStalled) = state.withLock { ($0.isOver, $0.isStalled) }
            if isOver { return false }
            if !isStalled { return true }
            changed.wait()
        }
    }

    private func forward(_ client: CInt) {
        let server = Loopback.socket()
        state.withLock { $0.sockets.formUnion([client, server]) }
        if waitUntilOpen(), Loopback.connect(server, to: target) {
            let back = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                self.pump(from: server, to: client)
                back.signal()
            }
            pump(from: client, to: server)
            back.wait()
        }
        state.withLock { $0.sockets.subtract([client, server]) }
        close(client)
        close(server)
    }

    private func pump(from source: CInt, to sink: CInt) {
        var buffer = [UInt8](repeating: 0, count: 64 * 1_024)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, waitUntilOpen(), Loopback.write(buffer[..<count], to: sink) else { break }
        }
        shutdown(source, CInt(SHUT_RDWR))
        shutdown(sink, CInt(SHUT_RDWR))
    }
}
