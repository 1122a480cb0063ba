import Logging
import Reactor
import ServiceLifecycle
import Synchronization

/// The connections of one process to one database.
///
/// *Shared* connections carry pipelined statements of all callers, each committed by itself. *Exclusive*
/// connections serve one caller at a time, for transactions and `COPY`. Connections and waiting callers are
/// bounded. ``run()`` keeps the shared connections open. While the server is unreachable, calls fail at once
/// with ``PostgresError/Reason/unavailable``.
package actor PostgresPool: Service {
    struct WaitingBatch {
        let batch: StatementBatch
        let timer: IOTimer
    }

    struct WaitingCaller {
        let caller: CheckedContinuation<Result<PostgresConnection, PostgresError>, Never>
        let timer: IOTimer
    }

    package nonisolated let configuration: PostgresConfiguration
    package nonisolated let io: IOThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }
    nonisolated let logger: Logger

    var state: PoolState
    var shared: [PostgresConnection?]
    var exclusive: [Int: PostgresConnection] = [:]
    var waitingBatches: [UInt64: WaitingBatch] = [:]
    var waitingCallers: [UInt64: WaitingCaller] = [:]
    private var callerCount: UInt64 = 0
    private var connectionCount = 0
    /// Resumed when the shared connection in a slot has closed.
    var closedWaiters: [Int: CheckedContinuation<Void, Never>] = [:]
    var readyWaiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var isWatchingForSilence = false
    var quietWaiter: CheckedContinuation<Void, Never>?
    /// The error of the last connection attempt; the message of calls that fail meanwhile.
    var lastFailure = "not connected yet"
    nonisolated let available = Atomic(false)

    package init(_ configuration: PostgresConfiguration, on io: IOThread, logger: Logger) {
        self.configuration = configuration
        self.io = io
        self.logger = logger
        state = PoolState(
            limits: PoolState.Limits(
                shared: max(1, configuration.sharedConnections), exclusive: max(1, configuration.exclusiveConnections),
                pipelineDepth: max(1, configuration.pipelineDepth), queue: max(0, configuration.queueLimit)))
        shared = Array(repeating: nil, count: max(1, configuration.sharedConnections))
    }

    /// Whether statements can be sent now. Callable from any thread, for health pages and circuit breakers.
    package nonisolated var isAvailable: Bool { available.load(ordering: .relaxed) }

    func nextCaller() -> UInt64 {
        callerCount += 1
        return callerCount
    }

    func nextConnectionNumber() -> Int {
        connectionCount += 1
        return connectionCount
    }

    func error(for rejection: PoolState.Rejection) -> PostgresError {
        switch rejection {
        case .unavailable: PostgresError(.unavailable, lastFailure)
        case .overloaded: PostgresError(.overloaded, "too many callers are waiting for a connection")
        case .closed: PostgresError(.unavailable, "the pool is shutting down")
        }
    }

    /// A snapshot of the pool's load, for metrics and health pages.
    package struct Statistics: Sendable, Equatable {
        package var sharedConnected = 0
        package var inFlight = 0
        package var waiting = 0
        package var exclusiveBusy = 0
        package var exclusiveIdle = 0
    }

    package var statistics: Statistics {
        Statistics(
            sharedConnected: state.loads.count { $0 != nil }, inFlight: state.loads.reduce(0) { $0 + ($1 ?? 0) },
            waiting: state.sharedQueue.count + state.exclusiveQueue.count, exclusiveBusy: state.busy.count,
            exclusiveIdle: state.idle.count)
    }
}
