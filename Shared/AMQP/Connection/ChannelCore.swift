import Reactor

/// What a connection keeps of one of its channels. Belongs to the actor; decides nothing about the socket.
final class ChannelCore {
    enum Phase { case closed, opening, open, closing }
    typealias Waiter = @Sendable (AMQPOutcome) -> Void

    let number: UInt16
    /// Tells this channel from an earlier one of the same number.
    let serial: UInt32
    let setup: AMQPChannelSetup
    var phase = Phase.closed
    /// Grows with every opening.
    var epoch: UInt32 = 0
    var subscriptions: [Subscription]
    var replies = ReplyQueue()
    var window: ConfirmWindow<Waiter>?
    var acks = AckBatch()
    var assembly: ContentAssembly
    var waiting = WaitingLine<AMQPMessage>()
    var lastError = AMQPError.notConnected("not connected yet")
    var retry = Retry()
    var rebindings = Rebindings()
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

    /// Everything that was begun is worthless; returns those who wait for an answer.
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

/// A consumer as it is with the broker.
struct Subscription {
    enum State { case idle, starting, active, cancelling, removed }

    let consumer: AMQPConsumer
    /// What its queue is bound to, as far as we are asked.
    var bindings: Set<AMQPBinding>
    var state = State.idle
    var starts: UInt32 = 0
    var retry: Retry
    /// Those who wait for the end of a cancel.
    var cancelWaiters: [CheckedContinuation<Void, Never>] = []

    init(_ consumer: AMQPConsumer, _ backoff: ClosedRange<Duration>) {
        self.consumer = consumer
        bindings = Set(consumer.bindings)
        retry = Retry(backoff)
    }

    var isWanted: Bool { state == .idle || state == .starting || state == .active }
}

/// When to try again something that failed, and the timer that will.
struct Retry {
    private var backoff: Backoff
    private var began: ContinuousClock.Instant?
    var timer: IOTimer?

    init(_ range: ClosedRange<Duration> = .zero...(.zero)) { backoff = Backoff(range) }

    /// It works, for now.
    mutating func succeed() { began = .now }

    /// What had worked for a while begins with the shortest wait.
    mutating func wait() -> Duration {
        if let began, .now - began > .seconds(5) { backoff.reset() }
        began = nil
        return backoff.next()
    }
}
