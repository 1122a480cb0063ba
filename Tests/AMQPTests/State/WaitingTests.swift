import TestSupport
import Testing

@testable import AMQP

@Suite("Lines, questions and waits") struct WaitingTests {
    @Test("those who wait come out in order, but for those who left", arguments: UInt64(1)...30)
    func line(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (line, model, id) = (WaitingLine<Int>(), [UInt64](), UInt64(0))
        for _ in 0..<1_000 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<3:
                id += UInt64.random(in: 1...4, using: &random)
                line.append(Int(id), id: id)
                model.append(id)
            case 3..<6:
                let leaver = UInt64.random(in: 0...id, using: &random)
                line.remove(id: leaver)
                model.removeAll { $0 == leaver }
            case 6: #expect(line.popFirst()?.id == (model.isEmpty ? nil : model.removeFirst()))
            default: #expect(line.first == model.first.map(Int.init))
            }
            #expect(line.count == model.count)
            #expect(line.isEmpty == model.isEmpty)
            #expect(line.kept <= 2 * line.count + 17)
        }
    }

    @Test("leaving twice, or without having come, changes nothing")
    func leaving() {
        var line = WaitingLine<String>()
        line.append("a", id: 4)
        line.remove(id: 9)
        line.remove(id: 4)
        line.remove(id: 4)
        #expect(line.isEmpty)
        #expect(line.popFirst() == nil)
    }

    @Test("answers come in the order of the questions")
    func questions() {
        var replies = ReplyQueue()
        replies.ask(.open)
        replies.ask(.consume(3))
        #expect(replies.answer(.basicConsumeOk) == nil)
        #expect(replies.answer(.channelOpenOk) == .open)
        #expect(replies.answer(.channelOpenOk) == nil)
        #expect(replies.answer(.basicConsumeOk) == .consume(3))
        #expect(replies.isEmpty)
        #expect(replies.answer(.basicConsumeOk) == nil)
    }

    @Test("what queues answer about consumers may come after what was asked later, never before what was asked earlier")
    func questionsAboutConsumers() {
        var replies = ReplyQueue()
        for question in [.queue, .consume(0), .queue, .bind, .consume(1), .cancel(0)] as [ReplyQueue.Question] {
            replies.ask(question)
        }
        #expect(replies.answer(.basicConsumeOk) == nil)
        #expect(replies.answer(.queueDeclareOk) == .queue)
        #expect(replies.answer(.queueDeclareOk) == .queue)
        #expect(replies.answer(.basicConsumeOk) == .consume(0))
        #expect(replies.answer(.basicConsumeOk) == nil)
        #expect(replies.answer(.queueBindOk) == .bind)
        #expect(replies.answer(.basicCancelOk) == nil)
        #expect(replies.answer(.basicConsumeOk) == .consume(1))
        #expect(!replies.isEmpty)
        #expect(replies.answer(.basicCancelOk) == .cancel(0))
        #expect(replies.isEmpty)
    }

    @Test("a peer is dead after two silent intervals, and a byte brings it back")
    func heartbeat() {
        let start = ContinuousClock.now
        var heartbeat = Heartbeat(interval: .seconds(10), now: start)
        #expect(heartbeat.tick == .seconds(5))
        #expect(!heartbeat.isDead(at: start + .seconds(19)))
        #expect(heartbeat.isDead(at: start + .seconds(20)))
        heartbeat.hear(at: start + .seconds(15))
        #expect(!heartbeat.isDead(at: start + .seconds(34)))
        #expect(heartbeat.isDead(at: start + .seconds(35)))
    }

    @Test("without an interval nobody beats and nobody is dead")
    func noHeartbeat() {
        let heartbeat = Heartbeat(interval: .zero, now: .now)
        #expect(heartbeat.tick == nil)
        #expect(!heartbeat.isDead(at: .now + .seconds(1_000_000)))
    }
}
