import Reactor

/// The state of one channel of a connection. Belongs to the connection actor; does not use the socket.
final class ChannelCore {
    enum Phase { case closed, opening, open, closing }
    typealias Waiter = @Sendable (AMQPOutcome) -> Void

    let number: UInt16
    /// Distinguishes this channel from an earlier one with the same number.
    let serial: UInt32
    let setup: AMQPChannelSetup
    var phase = Phase.closed
    /// Incremented at every opening.
    var epoch: UInt32 = 0
    var subscriptions: [Subscription]
    var replies = ReplyQueue()
    var window: ConfirmWindow<Waiter>?
    var acks = AckBatch()
    var assembly: ContentAssembly
    var waiting = WaitQueue<AMQPMessage>()
    var lastError = AMQPError.notConnected("not connected yet")
    var retry = Retry()
    var pendingBindings = PendingBindings()
    private let bounds: AMQPEndpoint

    init(number: UInt16, serial: UInt32, setup: AMQPChannelSetup, bounds: AMQPEndpoint) {
        self.number = number
        self.serial = serial
        self.setup = setup
        self.bounds = bounds
        assembly = ContentAssembly(maxBody: bounds.maxBodyBytes)
        subscriptions = setup.consumers.map { Subscription($0, bounds.backoff) }
        retry = Retry(bounds.backoff)
    }

    func add(_ consumer: AMQPConsumer) -> Int {
        subscriptions.append(Subscription(consumer, bounds.backoff))
        return subscriptions.count - 1
    }

    /// Discards all operations in progress. Returns the unconfirmed messages.
    func reset(_ phase: Phase, _ error: AMQPError) -> ConfirmWindow<Waiter>? {
        defer { window = nil }
        self.phase = phase
        lastError = error
        replies.removeAll()
        acks = AckBatch()
        assembly.reset()
        return window
    }

    func beginOpening() {
        phase = .opening
        epoch &+= 1
        window = setup.confirmWindow.map { ConfirmWindow(capacity: max(1, $0)) }
    }
}

/// The state of a consumer at the broker.
struct Subscription {
    enum State { case idle, starting, active, cancelling, removed }

    let consumer: AMQPConsumer
    /// The desired bindings of the queue.
    var bindings: Set<AMQPBinding>
    var state = State.idle
    var starts: UInt32 = 0
    var retry: Retry
    /// The callers that wait for the end of a cancel.
    var cancelWaiters: [CheckedContinuation<Void, Never>] = []

    init(_ consumer: AMQPConsumer, _ backoff: ClosedRange<Duration>) {
        self.consumer = consumer
        bindings = Set(consumer.bindings)
        retry = Retry(backoff)
    }

    var isWanted: Bool { state == .idle || state == .starting || state == .active }
}

/// The back-off of a failed operation, and the timer of the next attempt.
struct Retry {
    private var backoff: Backoff
    private var succeededAt: ContinuousClock.Instant?
    var timer: IOTimer?

    init(_ range: ClosedRange<Duration> = .zero...(.zero)) { backoff = Backoff(range) }

    /// Records a success.
    mutating func succeed() { succeededAt = .now }

    /// Returns the delay before the next attempt. After 5 s of success it starts again with the shortest.
    mutating func nextDelay() -> Duration {
        if let succeededAt, .now - succeededAt > .seconds(5) { backoff.reset() }
        succeededAt = nil
        return backoff.next()
    }
}
