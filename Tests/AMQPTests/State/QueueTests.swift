import TestSupport
import Testing

@testable import AMQP

@Suite("Wait queue, reply queue and heartbeat") struct QueueTests {
    @Test("elements leave in order, except removed ones", arguments: UInt64(1)...30)
    func waitQueue(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (queue, model, id) = (WaitQueue<Int>(), [UInt64](), UInt64(0))
        for _ in 0..<1_000 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<3:
                id += UInt64.random(in: 1...4, using: &random)
                queue.append(Int(id), id: id)
                model.append(id)
            case 3..<6:
                let leaver = UInt64.random(in: 0...id, using: &random)
                queue.remove(id: leaver)
                model.removeAll { $0 == leaver }
            case 6: #expect(queue.popFirst()?.id == (model.isEmpty ? nil : model.removeFirst()))
            default: #expect(queue.first == model.first.map(Int.init))
            }
            #expect(queue.count == model.count)
            #expect(queue.isEmpty == model.isEmpty)
            #expect(queue.storedCount <= 2 * queue.count + 17)
        }
    }

    @Test("removing an element twice, or an unknown one, has no effect")
    func leaving() {
        var queue = WaitQueue<String>()
        queue.append("a", id: 4)
        queue.remove(id: 9)
        queue.remove(id: 4)
        queue.remove(id: 4)
        #expect(queue.isEmpty)
        #expect(queue.popFirst() == nil)
    }

    @Test("replies come in the order of the requests")
    func replies() {
        var replies = ReplyQueue()
        replies.append(.open)
        replies.append(.consume(3))
        #expect(replies.answer(.basicConsumeOk) == nil)
        #expect(replies.answer(.channelOpenOk) == .open)
        #expect(replies.answer(.channelOpenOk) == nil)
        #expect(replies.answer(.basicConsumeOk) == .consume(3))
        #expect(replies.isEmpty)
        #expect(replies.answer(.basicConsumeOk) == nil)
    }

    @Test("replies about consumers may come after later requests, never before earlier ones")
    func repliesAboutConsumers() {
        var replies = ReplyQueue()
        for request in [.queue, .consume(0), .queue, .bind, .consume(1), .cancel(0)] as [ReplyQueue.Request] {
            replies.append(request)
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

    @Test("a peer is dead after two silent intervals, and input revives it")
    func heartbeat() {
        let start = ContinuousClock.now
        var heartbeat = Heartbeat(interval: .seconds(10), now: start)
        #expect(heartbeat.tick == .seconds(5))
        #expect(!heartbeat.isDead(at: start + .seconds(19)))
        #expect(heartbeat.isDead(at: start + .seconds(20)))
        heartbeat.recordInput(at: start + .seconds(15))
        #expect(!heartbeat.isDead(at: start + .seconds(34)))
        #expect(heartbeat.isDead(at: start + .seconds(35)))
    }

    @Test("without an interval no heartbeats are sent and no peer is dead")
    func noHeartbeat() {
        let heartbeat = Heartbeat(interval: .zero, now: .now)
        #expect(heartbeat.tick == nil)
        #expect(!heartbeat.isDead(at: .now + .seconds(1_000_000)))
    }
}
