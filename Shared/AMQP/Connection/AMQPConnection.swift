import Logging
import Reactor
import ServiceLifecycle

/// One connection to the broker, kept up by ``run()`` until shutdown or cancellation.
///
/// After a loss it reconnects with a jittered delay and restores its channels with topology, consumers and
/// confirms. It lives on an ``IOThread``. Messages sent during a turn of that thread leave in one write at
/// the turn's end.
package actor AMQPConnection: Service {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    nonisolated let io: IOThread
    nonisolated let endpoint: AMQPEndpoint
    nonisolated let logger: Logger

    /// The socket and its buffers; `nil` while disconnected.
    var link: Link?
    private var generation: UInt32 = 0
    var blockedReason: String?
    /// The reason why there is no connection.
    var lastError = AMQPError.notConnected("not connected yet")
    private var observers: [@Sendable (AMQPStatus) -> Void] = []

    /// Channel n has index n - 1; `nil` for a free number.
    var channels: [ChannelCore?] = []
    private var serial: UInt32 = 0
    /// The channels with acknowledgements to send.
    var unflushed: [ChannelCore] = []
    var openWaiters: [UInt64: (core: ChannelCore, continuation: CheckedContinuation<AMQPError?, Never>)] = [:]
    var publishes: [UInt64: PendingPublish] = [:]
    private var lastID: UInt64 = 0

    var runState = RunState()

    package init(_ endpoint: AMQPEndpoint, on io: IOThread, logger: Logger) {
        self.endpoint = endpoint
        self.io = io
        var logger = logger
        logger[metadataKey: "connection"] = "\(endpoint.connectionName)"
        self.logger = logger
    }

    /// Whether the connection is up and not blocked, and every channel is open.
    package var isReady: Bool { isConnected && !isBlocked && channels.allSatisfy { $0?.phase ?? .open == .open } }
    package var isConnected: Bool { link != nil }
    package var isBlocked: Bool { blockedReason != nil }

    /// Calls `observer` on the I/O thread at every change, and at once with the current state if connected or
    /// blocked.
    package func observe(_ observer: @escaping @Sendable (AMQPStatus) -> Void) {
        observers.append(observer)
        if link != nil { observer(.connected(generation: generation)) }
        if let blockedReason { observer(.blocked(blockedReason)) }
    }

    /// Opens a channel that survives reconnects, before or during ``run()``. A connection has at most 255.
    package func openChannel(_ setup: AMQPChannelSetup) -> AMQPChannel {
        let index = channels.firstIndex { $0 == nil } ?? channels.count
        precondition(index < 255, "a connection has at most 255 channels")
        if index == channels.count { channels.append(nil) }
        serial += 1
        let core = ChannelCore(number: UInt16(index + 1), serial: serial, setup: setup, bounds: endpoint)
        channels[index] = core
        if let link { open(core, link) }
        return AMQPChannel(connection: self, number: core.number, serial: core.serial)
    }

    /// Returns the state of a channel; `nil` once it was closed permanently.
    func core(_ channel: AMQPChannel) -> ChannelCore? {
        guard let core = channels[Int(channel.number) - 1], core.serial == channel.serial else { return nil }
        return core
    }

    func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    // MARK: Connecting and disconnecting

    func adopt(_ handle: ConnectionHandle) {
        let link = Link(handle)
        self.link = link
        generation += 1
        io.add(self)
        logger.info("connected to the broker", metadata: ["generation": "\(generation)"])
        if let error = link.drainLibrary({ receive($0, link) }) { return disconnect(error) }
        guard self.link === link else { return }
        scheduleHeartbeat(link)
        notify(.connected(generation: generation))
        for case let core? in channels where self.link === link { open(core, link) }
    }

    /// Drops the current connection and fails all operations on it.
    func disconnect(_ error: AMQPError) {
        guard let link else { return }
        self.link = nil
        io.remove(self)
        link.readTimer.map(io.cancel)
        lastError = error
        blockedReason = nil
        unflushed = []
        if !link.closing { logger.warning("connection to the broker was lost", metadata: ["reason": "\(error)"]) }
        for case let core? in channels {
            cancelRetries(core)
            if core.phase == .closing { finishClosing(core) } else { invalidate(core, error) }
        }
        notify(.disconnected(error))
        runState.resumeSleeper()
    }

    func notify(_ status: AMQPStatus) {
        for observer in observers { observer(status) }
    }

    private func scheduleHeartbeat(_ link: Link) {
        guard let tick = link.heartbeat.tick else { return }
        io.schedule(after: tick) { [weak self, generation] in self?.assumeIsolated { $0.checkHeartbeat(generation) } }
    }

    private func checkHeartbeat(_ generation: UInt32) {
        guard let link, generation == self.generation else { return }
        if link.heartbeat.isDead(at: .now) { return disconnect(.unconfirmed("no heartbeat from the broker")) }
        link.output.heartbeat()
        scheduleHeartbeat(link)
    }
}
