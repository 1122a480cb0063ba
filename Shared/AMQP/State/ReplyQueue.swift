import DequeModule

/// What a channel has asked and the broker has still to answer. On one channel answers come in the order of the questions, so many may be asked at once.
///
/// But for those about consumers: the queue itself gives them, and what is asked after them may be answered first.
struct ReplyQueue {
    enum Question: Equatable, Sendable {
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

    private var questions: Deque<Question> = []
    /// Each with how many of the others were asked before it.
    private var aboutConsumers: Deque<(question: Question, after: Int)> = []
    private var asked = 0
    private var answered = 0

    var isEmpty: Bool { questions.isEmpty && aboutConsumers.isEmpty }

    mutating func ask(_ question: Question) {
        switch question {
        case .consume, .cancel: aboutConsumers.append((question, asked))
        default:
            questions.append(question)
            asked += 1
        }
    }

    /// The question that `method` answers; `nil` when it was not asked, or not yet in turn.
    mutating func answer(_ method: MethodID) -> Question? {
        if let first = aboutConsumers.first, first.question.answer == method {
            return first.after <= answered ? aboutConsumers.popFirst()?.question : nil
        }
        guard let question = questions.first, question.answer == method else { return nil }
        answered += 1
        return questions.popFirst()
    }

    mutating func removeAll() { self = ReplyQueue() }
}
