import NIOCore

/// The sockets of one event loop. Spreads their heartbeats over the seconds of an interval, and reports the
/// events of one turn of the loop together.
final class LoopSockets {
    /// The index of the event loop among those of the server.
    let number: Int
    /// Returns the present limit on a client's average rate.
    let framesPerSecond: @Sendable () -> Double
    private let loop: any EventLoop
    private let receiver: any SocketEventReceiver
    /// One for each second of the heartbeat interval.
    private var buckets: [[ObjectIdentifier: SocketHandler]]
    private var events: [SocketEvent] = []
    private var lastBucket = 0
    private var second = 0
    private(set) var count = 0
    private var drained: EventLoopPromise<Void>?

    /// - Parameter heartbeat: the interval, in seconds.
    init(
        number: Int, heartbeat: Int, framesPerSecond: @escaping @Sendable () -> Double, events: any SocketEventReceiver,
        on loop: any EventLoop
    ) {
        self.number = number
        self.framesPerSecond = framesPerSecond
        self.loop = loop
        receiver = events
        buckets = Array(repeating: [:], count: max(1, heartbeat))
    }

    /// - Returns: the bucket, for ``remove(_:from:)``.
    func add(_ socket: SocketHandler) -> Int {
        lastBucket = (lastBucket + 1) % buckets.count
        buckets[lastBucket][ObjectIdentifier(socket)] = socket
        count += 1
        return lastBucket
    }

    func remove(_ socket: SocketHandler, from bucket: Int) {
        guard buckets[bucket].removeValue(forKey: ObjectIdentifier(socket)) != nil else { return }
        count -= 1
        if count == 0 { drained?.succeed() }
    }

    /// Call once a second.
    func tick() {
        second = (second + 1) % buckets.count
        for socket in buckets[second].values { socket.beat() }
    }

    /// Reports an event at the end of this turn.
    func report(_ kind: SocketEvent.Kind, of handle: SocketHandle) {
        events.append(SocketEvent(handle: handle, kind: kind))
        if events.count == 1 { loop.assumeIsolated().execute { [self] in flushEvents() } }
    }

    private func flushEvents() {
        let batch = events
        events = []
        receiver.receive(batch)
    }

    /// Returns a future that completes when no socket is left, or after `limit`. Call once.
    func drain(within limit: TimeAmount) -> EventLoopFuture<Void> {
        let drained = loop.makePromise(of: Void.self)
        self.drained = drained
        if count == 0 { drained.succeed() }
        // A promise that has completed ignores this.
        loop.scheduleTask(in: limit) { drained.succeed() }
        return drained.futureResult
    }
}
