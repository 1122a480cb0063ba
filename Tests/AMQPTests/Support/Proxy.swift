import Foundation
import Synchronization
import TestSupport

/// A TCP proxy between a client and the broker that simulates network failures.
final class Proxy: Sendable {
    enum Direction: Sendable { case toBroker, fromBroker }

    private let listener: Listener
    private let forwarder = Forwarder()

    /// Runs `body` with a proxy.
    ///
    /// - Parameter host: the last byte of its address 127.0.0.x.
    static func with<Result>(
        host: UInt8 = 1, to port: Int = TestStack.rabbitmq.port, _ body: (Proxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try Proxy(host, port)
        defer { proxy.listener.shut() }
        return try await body(proxy)
    }

    private init(_ host: UInt8, _ port: Int) throws {
        listener = try Listener(host: host) { [forwarder] client, _ in forwarder.join(client, port) }
    }

    var port: Int { listener.port }

    /// Closes all current connections.
    func cut() { listener.cut() }

    /// Drops all bytes in these directions silently.
    func stall(_ directions: Set<Direction> = [.toBroker, .fromBroker]) { forwarder.stalled.withLock { $0 = directions } }

    /// Forwards new connections; current ones are closed.
    func resume() {
        cut()
        stall([])
    }
}

/// Copies bytes in both directions.
private final class Forwarder: Sendable {
    let stalled = Mutex<Set<Proxy.Direction>>([])

    func join(_ client: Socket, _ port: Int) {
        guard let broker = try? Socket(connectingTo: port) else { return }
        Thread.detachNewThread { self.copy(.fromBroker, from: broker, to: client) }
        copy(.toBroker, from: client, to: broker)
    }

    private func copy(_ direction: Proxy.Direction, from source: Socket, to sink: Socket) {
        while true {
            let bytes = source.receive()
            if bytes.isEmpty { break }
            // A stalled direction drops its bytes.
            if stalled.withLock({ $0.contains(direction) }) { continue }
            sink.send(bytes)
        }
        source.shut()
        sink.shut()
    }
}
