import DequeModule

/// What a channel has asked and the broker has still to answer. On one channel answers come in the order of the questions, so many may be asked at once.
struct ReplyQueue {
    enum Question: Equatable, Sendable {
        case open, confirmSelect, exchange, queue, bind, qos, close
        case consume(Int)
        case cancel(Int)

        fileprivate var answer: MethodID {
            switch self {
            case .open: .channelOpenOk
            case .confirmSelect: .confirmSelectOk
            case .exchange: .exchangeDeclareOk
            case .queue: .queueDeclareOk
            case .bind: .queueBindOk
            case .qos: .basicQosOk
            case .consume: .basicConsumeOk
            case .cancel: .basicCancelOk
            case .close: .channelCloseOk
            }
        }
    }

    private var questions: Deque<Question> = []

    var isEmpty: Bool { questions.isEmpty }

    mutating func ask(_ question: Question) { questions.append(question) }

    /// The question that `method` answers; `nil` when it was not asked, or not yet in turn.
    mutating func answer(_ method: MethodID) -> Question? {
        guard let question = questions.first, question.answer == method else { return nil }
        return questions.popFirst()
    }

    mutating func removeAll() { questions.removeAll() }
}
