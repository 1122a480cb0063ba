import Foundation
import Synchronization
import TestSupport

/// Stands between a client and the broker, and fails as networks do.
final class Proxy: Sendable {
    enum Direction: Sendable { case toBroker, fromBroker }

    private let listener: Listener
    private let passing = Passing()

    /// A proxy for the length of `body`.
    ///
    /// - Parameter host: the last byte of 127.0.0.x, where it listens.
    static func with<Result>(
        host: UInt8 = 1, to port: Int = TestStack.rabbitmq.port, _ body: (Proxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try Proxy(host, port)
        defer { proxy.listener.shut() }
        return try await body(proxy)
    }

    private init(_ host: UInt8, _ port: Int) throws {
        listener = try Listener(host: host) { [passing] client, _ in passing.join(client, port) }
    }

    var port: Int { listener.port }

    /// Ends the connections there are.
    func cut() { listener.cut() }

    /// From now on nothing passes in these directions, and nobody is told.
    func stall(_ directions: Set<Direction> = [.toBroker, .fromBroker]) { passing.stalled.withLock { $0 = directions } }

    /// New connections pass again; what was held back is lost with its connection.
    func resume() {
        cut()
        stall([])
    }
}

/// Copies bytes both ways.
private final class Passing: Sendable {
    let stalled = Mutex<Set<Proxy.Direction>>([])

    func join(_ client: Socket, _ port: Int) {
        guard let broker = try? Socket(connectingTo: port) else { return }
        Thread.detachNewThread { self.copy(.fromBroker, broker, client) }
        copy(.toBroker, client, broker)
    }

    private func copy(_ direction: Proxy.Direction, _ source: Socket, _ sink: Socket) {
        while true {
            let bytes = source.receive()
            if bytes.isEmpty { break }
            // What a stalled line has swallowed is never seen again.
            if stalled.withLock({ $0.contains(direction) }) { continue }
            sink.send(bytes)
        }
        source.shut()
        sink.shut()
    }
}
