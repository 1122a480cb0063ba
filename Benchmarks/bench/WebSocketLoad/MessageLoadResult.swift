import Foundation
import NIOCore

/// What came of a flow. Durations in milliseconds.
struct FlowResult {
    struct Message {
        let talker: Int32
        let sentAt: NIODeadline
        var acknowledgedAt: NIODeadline?
        /// When it was acknowledged and everybody had it.
        var settledAt: NIODeadline?
        var deliveries = 0
        var isRefused = false
        var isSettled = false

        init(talker: Int32, sentAt: NIODeadline) { (self.talker, self.sentAt) = (talker, sentAt) }
    }

    let order: Flow.Order
    let hasAcknowledgements: Bool
    var messages: [Message] = []
    /// Deliveries, by message.
    private var receipts: [(message: Int32, at: NIODeadline)] = []
    var refused = 0
    var gaps = 0
    var lost = 0
    /// Messages that not everybody had in the end.
    var unfinished = 0
    private var from = NIODeadline.now()
    private var processor = 0.0

    init(_ order: Flow.Order, hasAcknowledgements: Bool) { (self.order, self.hasAcknowledgements) = (order, hasAcknowledgements) }

    mutating func begin(_ now: NIODeadline) {
        from = now + .nanoseconds(Int64(Flow.Order.warmUp * 1e9))
        processor = Self.processorSeconds()
    }

    mutating func receive(_ message: Int, at now: NIODeadline) { receipts.append((Int32(message), now)) }

    mutating func finish() { processor = Self.processorSeconds() - processor }

    /// Of this process, so far.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    // MARK: As JSON

    var json: String {
        let until = from + .nanoseconds(Int64(order.seconds * 1e9))
        let rate = Double(receipts.count { from <= $0.at && $0.at < until }) / order.seconds
        let twice = messages.reduce(0) { $0 + max(0, $1.deliveries - order.receivers) }
        let missing = messages.reduce(0) { $0 + ($1.isRefused ? 0 : max(0, order.receivers - $1.deliveries)) }
        let counts =
            #""messages": \#(messages.count), "deliveries": \#(receipts.count), "missing": \#(missing), "twice": \#(twice), "#
            + #""refused": \#(refused), "gaps": \#(gaps), "lost": \#(lost), "unfinished": \#(unfinished)"#
        return String(format: #"{"rate": %.1f, "processor": %.3f, "#, rate, processor) + counts
            + #", "acknowledged": \#(json(acknowledgements)), "received": \#(json(receivings)), "#
            + #""acknowledgedToReceived": \#(json(delays)), "sentToLast": \#(json(completions))}"#
    }

    private var counted: [Message] { messages.filter { $0.sentAt >= from } }

    private var acknowledgements: [Double] {
        counted.compactMap { message in message.acknowledgedAt.map { $0 - message.sentAt } }.map(\.ms)
    }

    private var receivings: [Double] {
        receipts.filter { messages[Int($0.message)].sentAt >= from }.map { ($0.at - messages[Int($0.message)].sentAt).ms }
    }

    /// Whoever had it before its sender was told has it after no time at all.
    private var delays: [Double] {
        receipts.compactMap { receipt in
            let message = messages[Int(receipt.message)]
            guard message.sentAt >= from, let acknowledged = message.acknowledgedAt else { return nil }
            return max(0, (receipt.at - acknowledged).ms)
        }
    }

    private var completions: [Double] { counted.compactMap { message in message.settledAt.map { ($0 - message.sentAt).ms } } }

    private func json(_ values: [Double]) -> String {
        if values.isEmpty { return "null" }
        let sorted = values.sorted()
        let shares = [0.5, 0.99, 1].map { sorted[min(sorted.count - 1, Int(Double(sorted.count) * $0))] }
        return String(format: #"{"p50": %.3f, "p99": %.3f, "max": %.3f}"#, shares[0], shares[1], shares[2])
    }
}

extension TimeAmount {
    fileprivate var ms: Double { Double(nanoseconds) / 1e6 }
}
