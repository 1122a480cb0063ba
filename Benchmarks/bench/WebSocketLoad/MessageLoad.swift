import NIOCore

/// Messages from those who talk, and when each was acknowledged and received by whoever should.
final class Flow {
    /// `flow <messages a second> <receivers of each> <seconds>`; with 0 a second, everybody who talks sends the next when the last is with all.
    struct Order: Sendable {
        let rate: Double
        let receivers: Int
        let seconds: Double
        /// Before any of it counts.
        static let warmUp = 0.5

        init?(_ line: String) {
            let words = line.split(separator: " ")
            guard words.count == 4, words[0] == "flow", let rate = Double(words[1]), let receivers = Int(words[2]),
                let seconds = Double(words[3])
            else { return nil }
            (self.rate, self.receivers, self.seconds) = (rate, receivers, seconds)
        }
    }

    /// For which the last ones are waited for.
    private static let patience = TimeAmount.seconds(15)

    private let order: Order
    private let talkers: [LiveSocket]
    private let first: Int
    private let loop: any EventLoop
    /// Everybody who talks waits for their own message before the next.
    private var isPaced: Bool { order.rate > 0 }
    private let end: EventLoopPromise<FlowResult>
    private var result: FlowResult
    private var start = NIODeadline.now()
    private var pace: RepeatedTask?
    private var isOver = false
    private var isFinished = false
    private var unfinished = 0

    /// - Parameter isAnswered: whether the server acknowledges what it is sent.
    init(_ order: Order, talkers: [LiveSocket], numberedFrom first: Int, isAnswered: Bool, on loop: any EventLoop) {
        (self.order, self.talkers, self.first, self.loop) = (order, talkers, first, loop)
        end = loop.makePromise()
        result = FlowResult(order, hasAcknowledgements: isAnswered)
    }

    var lastNumber: Int { first + result.messages.count - 1 }

    // MARK: Its course

    func run() -> EventLoopFuture<FlowResult> {
        start = .now()
        result.begin(start)
        let flow = NIOLoopBound(self, eventLoop: loop)
        if isPaced {
            pace = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { _ in flow.value.sendWhatIsDue() }
        } else {
            for index in talkers.indices { send(index) }
        }
        let length = TimeAmount.nanoseconds(Int64((Order.warmUp + order.seconds) * 1e9))
        loop.scheduleTask(in: length) { flow.value.stop() }
        loop.scheduleTask(in: length + Self.patience) { flow.value.finish() }
        return end.futureResult
    }

    private func sendWhatIsDue() {
        let due = Int(Double((NIODeadline.now() - start).nanoseconds) / 1e9 * order.rate)
        while !isOver, result.messages.count < due { send(result.messages.count % talkers.count) }
    }

    private func stop() {
        pace?.cancel()
        isOver = true
        if unfinished == 0 { finish() }
    }

    private func finish() {
        if isFinished { return }
        isFinished = true
        result.unfinished = unfinished
        result.finish()
        end.succeed(result)
    }

    private func send(_ talker: Int) {
        result.messages.append(.init(talker: Int32(talker), sentAt: .now()))
        unfinished += 1
        talkers[talker].send(lastNumber)
    }

    // MARK: What is heard

    func acknowledged(_ number: Int) {
        guard let index = index(number) else { return }
        result.messages[index].acknowledgedAt = .now()
        settle(index)
    }

    func received(_ number: Int) {
        guard let index = index(number) else { return }
        result.messages[index].deliveries += 1
        result.receive(index, at: .now())
        settle(index)
    }

    func refused(_ number: Int) {
        result.refused += 1
        guard let index = index(number) else { return }
        result.messages[index].isRefused = true
        settle(index)
    }

    func missed() { result.gaps += 1 }
    func lost() { result.lost += 1 }

    private func index(_ number: Int) -> Int? {
        let index = number - first
        return result.messages.indices.contains(index) ? index : nil
    }

    /// The bare server acknowledges nothing: whoever has it, has it.
    private func settle(_ index: Int) {
        let message = result.messages[index]
        let isWithAll = message.deliveries >= order.receivers && (message.acknowledgedAt != nil || !result.hasAcknowledgements)
        guard !message.isSettled, isWithAll || message.isRefused else { return }
        result.messages[index].isSettled = true
        result.messages[index].settledAt = .now()
        unfinished -= 1
        if isOver { if unfinished == 0 { finish() } } else if !isPaced { send(Int(message.talker)) }
    }
}
