import DequeModule

/// The requests of a channel that the broker has not answered. Replies come in the order of the requests.
///
/// Requests about consumers are exceptions: the queue answers them, and replies to later requests may
/// overtake.
struct ReplyQueue {
    enum Request: Equatable, Sendable {
        case open, confirmSelect, exchange, queue, bind, unbind, qos, close
        case consume(Int)
        case cancel(Int)

        fileprivate var answer: MethodID {
            switch self {
            case .open: .channelOpenOk
            case .confirmSelect: .confirmSelectOk
            case .exchange: .exchangeDeclareOk
            case .queue: .queueDeclareOk
            case .bind: .queueBindOk
            case .unbind: .queueUnbindOk
            case .qos: .basicQosOk
            case .consume: .basicConsumeOk
            case .cancel: .basicCancelOk
            case .close: .channelCloseOk
            }
        }
    }

    private var requests: Deque<Request> = []
    /// Each with the number of other requests before it.
    private var aboutConsumers: Deque<(request: Request, after: Int)> = []
    private var requested = 0
    private var answered = 0

    var isEmpty: Bool { requests.isEmpty && aboutConsumers.isEmpty }

    mutating func append(_ request: Request) {
        switch request {
        case .consume, .cancel: aboutConsumers.append((request, requested))
        default:
            requests.append(request)
            requested += 1
        }
    }

    /// Removes and returns the request that `method` answers; `nil` when there is none, or it is out of turn.
    mutating func answer(_ method: MethodID) -> Request? {
        if let first = aboutConsumers.first, first.request.answer == method {
            return first.after <= answered ? aboutConsumers.popFirst()?.request : nil
        }
        guard let request = requests.first, request.answer == method else { return nil }
        answered += 1
        return requests.popFirst()
    }

    mutating func removeAll() { self = ReplyQueue() }
}
