import NIOCore

/// The sockets of one event loop. Each gets its heartbeat in its own second, so that the work is spread; and what those tell that were read in one round is
/// passed on together.
final class LoopSockets {
    /// Of the loop, among those of the server.
    let number: Int
    private var buckets: [[ObjectIdentifier: SocketHandler]]
    /// What one client may send on average, as it is now.
    let framesPerSecond: @Sendable () -> Double
    private let loop: any EventLoop
    private let events: any SocketEventReceiver
    private var news: [SocketEvent] = []
    private var next = 0
    private var second = 0
    private(set) var count = 0

    /// - Parameter heartbeat: seconds.
    init(
        number: Int, heartbeat: Int, framesPerSecond: @escaping @Sendable () -> Double, events: any SocketEventReceiver,
        on loop: any EventLoop
    ) {
        (self.number, self.framesPerSecond, self.events, self.loop) = (number, framesPerSecond, events, loop)
        buckets = Array(repeating: [:], count: max(1, heartbeat))
    }

    /// - Returns: where it was put, for ``remove(_:from:)``.
    func add(_ socket: SocketHandler) -> Int {
        next = (next + 1) % buckets.count
        buckets[next][ObjectIdentifier(socket)] = socket
        count += 1
        return next
    }

    func remove(_ socket: SocketHandler, from bucket: Int) {
        if buckets[bucket].removeValue(forKey: ObjectIdentifier(socket)) != nil { count -= 1 }
    }

    /// Once a second.
    func tick() {
        second = (second + 1) % buckets.count
        for socket in buckets[second].values { socket.beat() }
    }

    /// Passed on once this round is over.
    func tell(_ kind: SocketEvent.Kind, of port: SocketHandle) {
        news.append(SocketEvent(port: port, kind: kind))
        if news.count == 1 { loop.assumeIsolated().execute { [self] in passOn() } }
    }

    private func passOn() {
        let all = news
        news = []
        events.receive(all)
    }
}
