import NIOCore

/// Sends messages for some seconds and records when each was acknowledged and received.
final class MessageLoad {
    /// Parsed from `load <rate> <receivers> <seconds>`.
    struct Parameters: Sendable {
        /// Messages a second, from all senders in turn.
        /// With 0 each sender sends its next message when the previous one is settled.
        let rate: Double
        /// The number of connections that must receive each message.
        let receivers: Int
        let seconds: Double
        /// Seconds before the measurement starts.
        static let warmUp = 0.5

        init?(_ line: String) {
            let words = line.split(separator: " ")
            guard words.count == 4, words[0] == "load", let rate = Double(words[1]), let receivers = Int(words[2]),
                let seconds = Double(words[3])
            else { return nil }
            self.rate = rate
            self.receivers = receivers
            self.seconds = seconds
        }
    }

    /// How long the load waits for its last messages.
    private static let settleTimeout = TimeAmount.seconds(15)

    private let parameters: Parameters
    private let senders: [WebSocketClient]
    private let first: Int
    private let loop: any EventLoop
    private var hasRate: Bool { parameters.rate > 0 }
    private let end: EventLoopPromise<MessageLoadResult>
    private var result: MessageLoadResult
    private var start = NIODeadline.now()
    private var timer: RepeatedTask?
    private var isStopped = false
    private var isFinished = false
    /// The number of messages that are not settled.
    private var unfinished = 0

    /// - Parameters:
    ///   - first: the number of the first message.
    ///   - hasAcknowledgements: whether the server acknowledges messages.
    init(
        _ parameters: Parameters, senders: [WebSocketClient], numberedFrom first: Int, hasAcknowledgements: Bool,
        on loop: any EventLoop
    ) {
        self.parameters = parameters
        self.senders = senders
        self.first = first
        self.loop = loop
        end = loop.makePromise()
        result = MessageLoadResult(parameters, hasAcknowledgements: hasAcknowledgements)
    }

    var lastNumber: Int { first + result.messages.count - 1 }

    // MARK: Sending

    func run() -> EventLoopFuture<MessageLoadResult> {
        start = .now()
        result.begin(start)
        let load = NIOLoopBound(self, eventLoop: loop)
        if hasRate {
            timer = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { _ in load.value.sendDueMessages() }
        } else {
            for index in senders.indices { send(index) }
        }
        let length = TimeAmount.nanoseconds(Int64((Parameters.warmUp + parameters.seconds) * 1e9))
        loop.scheduleTask(in: length) { load.value.stop() }
        loop.scheduleTask(in: length + Self.settleTimeout) { load.value.finish() }
        return end.futureResult
    }

    private func sendDueMessages() {
        let due = Int(Double((NIODeadline.now() - start).nanoseconds) / 1e9 * parameters.rate)
        while !isStopped, result.messages.count < due { send(result.messages.count % senders.count) }
    }

    private func stop() {
        timer?.cancel()
        isStopped = true
        if unfinished == 0 { finish() }
    }

    private func finish() {
        if isFinished { return }
        isFinished = true
        result.unfinished = unfinished
        result.finish()
        end.succeed(result)
    }

    private func send(_ sender: Int) {
        result.messages.append(.init(sender: Int32(sender), sentAt: .now()))
        unfinished += 1
        senders[sender].send(lastNumber)
    }

    // MARK: Recording

    func recordAcknowledgement(_ number: Int) {
        guard let index = index(number) else { return }
        result.messages[index].acknowledgedAt = .now()
        settle(index)
    }

    func recordDelivery(_ number: Int) {
        guard let index = index(number) else { return }
        result.messages[index].deliveries += 1
        result.recordDelivery(index, at: .now())
        settle(index)
    }

    func recordRefusal(_ number: Int) {
        result.refused += 1
        guard let index = index(number) else { return }
        result.messages[index].isRefused = true
        settle(index)
    }

    func recordGap() { result.gaps += 1 }
    func recordLostConnection() { result.lostConnections += 1 }

    private func index(_ number: Int) -> Int? {
        let index = number - first
        return result.messages.indices.contains(index) ? index : nil
    }

    /// Settles a message that the server refused, or that all receivers have and the server has acknowledged.
    /// The relay server does not acknowledge messages.
    private func settle(_ index: Int) {
        let message = result.messages[index]
        let isReceived = message.deliveries >= parameters.receivers
        let isComplete = isReceived && (message.acknowledgedAt != nil || !result.hasAcknowledgements)
        guard !message.isSettled, isComplete || message.isRefused else { return }
        result.messages[index].isSettled = true
        result.messages[index].settledAt = .now()
        unfinished -= 1
        if isStopped { if unfinished == 0 { finish() } } else if !hasRate { send(Int(message.sender)) }
    }
}
