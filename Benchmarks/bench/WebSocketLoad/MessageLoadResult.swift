import Foundation
import NIOCore

/// The result of a load. Durations are in milliseconds.
struct MessageLoadResult {
    struct Message {
        let sender: Int32
        let sentAt: NIODeadline
        var acknowledgedAt: NIODeadline?
        /// When the message was acknowledged and all receivers had it.
        var settledAt: NIODeadline?
        var deliveries = 0
        var isRefused = false
        var isSettled = false

        init(sender: Int32, sentAt: NIODeadline) {
            self.sender = sender
            self.sentAt = sentAt
        }
    }

    let parameters: MessageLoad.Parameters
    let hasAcknowledgements: Bool
    var messages: [Message] = []
    private var deliveries: [(message: Int32, at: NIODeadline)] = []
    var refused = 0
    var gaps = 0
    var lostConnections = 0
    /// The number of messages that were not settled in the end.
    var unfinished = 0
    /// The end of the warm-up.
    private var from = NIODeadline.now()
    private var processorSeconds = 0.0

    init(_ parameters: MessageLoad.Parameters, hasAcknowledgements: Bool) {
        self.parameters = parameters
        self.hasAcknowledgements = hasAcknowledgements
    }

    mutating func begin(_ now: NIODeadline) {
        from = now + .nanoseconds(Int64(MessageLoad.Parameters.warmUp * 1e9))
        processorSeconds = Self.processorSecondsSoFar()
    }

    mutating func recordDelivery(_ message: Int, at now: NIODeadline) { deliveries.append((Int32(message), now)) }

    mutating func finish() { processorSeconds = Self.processorSecondsSoFar() - processorSeconds }

    /// Returns the processor time that this process has used.
    private static func processorSecondsSoFar() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    // MARK: JSON

    var json: String {
        let until = from + .nanoseconds(Int64(parameters.seconds * 1e9))
        let rate = Double(deliveries.count { from <= $0.at && $0.at < until }) / parameters.seconds
        let duplicates = messages.reduce(0) { $0 + max(0, $1.deliveries - parameters.receivers) }
        let missing = messages.reduce(0) { $0 + ($1.isRefused ? 0 : max(0, parameters.receivers - $1.deliveries)) }
        let counts =
            #""messages": \#(messages.count), "deliveries": \#(deliveries.count), "missing": \#(missing), "#
            + #""duplicates": \#(duplicates), "refused": \#(refused), "gaps": \#(gaps), "#
            + #""lostConnections": \#(lostConnections), "unfinished": \#(unfinished)"#
        return String(format: #"{"rate": %.1f, "processorSeconds": %.3f, "#, rate, processorSeconds) + counts
            + #", "acknowledged": \#(json(sentToAcknowledged)), "received": \#(json(sentToReceived)), "#
            + #""acknowledgedToReceived": \#(json(acknowledgedToReceived)), "sentToLast": \#(json(sentToLast))}"#
    }

    /// The messages that were sent after the warm-up.
    private var measured: [Message] { messages.filter { $0.sentAt >= from } }

    private var sentToAcknowledged: [Double] {
        measured.compactMap { message in message.acknowledgedAt.map { $0 - message.sentAt } }.map(\.ms)
    }

    private var sentToReceived: [Double] {
        deliveries.filter { messages[Int($0.message)].sentAt >= from }.map { ($0.at - messages[Int($0.message)].sentAt).ms }
    }

    /// A delivery before the acknowledgement counts as 0.
    private var acknowledgedToReceived: [Double] {
        deliveries.compactMap { delivery in
            let message = messages[Int(delivery.message)]
            guard message.sentAt >= from, let acknowledged = message.acknowledgedAt else { return nil }
            return max(0, (delivery.at - acknowledged).ms)
        }
    }

    private var sentToLast: [Double] { measured.compactMap { message in message.settledAt.map { ($0 - message.sentAt).ms } } }

    /// Returns the median, the 99th percentile and the maximum.
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
