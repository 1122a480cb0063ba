import AMQP
import Contracts

/// A part of a bus that works on one of its connections. It starts and stops with the bus and counts in its
/// readiness.
package protocol BusComponent: Actor {
    /// Opens the component's channels on `connection`, which may not be connected yet.
    func open(on connection: AMQPConnection) async

    /// Whether its channels are open.
    var isReady: Bool { get }

    /// Returns once its channels are open for the first time; at once if they are.
    func opened() async throws(AMQPError)

    /// Accepts no further work. Returns when the work in progress is done, or when `limit` has passed and the
    /// rest is cancelled.
    func drain(atMost limit: Duration) async
}

extension BusComponent {
    package func drain(atMost limit: Duration) async {}
}

/// The components of a running bus, each with its connection.
struct BusComponents {
    private var entries: [(component: any BusComponent, connection: AMQPConnection)] = []

    mutating func add(_ component: any BusComponent, on connection: AMQPConnection) {
        entries.append((component, connection))
    }

    func open() async {
        for entry in entries { await entry.component.open(on: entry.connection) }
    }

    func opened() async throws {
        for entry in entries { try await entry.component.opened() }
    }

    var areReady: Bool {
        get async {
            for entry in entries where await !entry.component.isReady { return false }
            return true
        }
    }

    func drain(atMost limit: Duration) async {
        await withDiscardingTaskGroup { group in
            for entry in entries { group.addTask { await entry.component.drain(atMost: limit) } }
        }
    }
}
