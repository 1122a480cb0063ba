import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("Ids and sends while processes die", .timeLimit(.minutes(10))) struct IdentifierFaultTests {
    @Test(
        "no id twice and no acknowledged message lost, while idgen is killed, stopped past its lease and woken, and chats is killed"
    )
    func neverTwice() async throws {
        try await OwnStack.with(environment: ["MARTLET_IDGEN_LEASE_SECONDS": "3"]) { stack in
            try await stack.scale("idgen", 2)
            try await stack.scale("chats", 2)
            let (ada, grace) = (try await Person.new("ada", api: stack.api), try await Person.new("grace", api: stack.api))
            let chat = try await ada.chat(with: grace)
            let acknowledged = Acknowledged()
            try await withThrowingTaskGroup { group in
                for sender in 0..<4 { group.addTask { try await acknowledged.keepSending(as: ada, in: chat, sender: sender) } }
                try await disturb(stack, acknowledged)
                acknowledged.stop()
                try await group.waitForAll()
            }
            let stored = try await wholeHistory(of: chat, as: ada)
            let ids = stored.compactMap { $0["id"] as? String }
            #expect(Set(ids).count == ids.count)
            #expect(stored.map { $0["seq"] as? Int } == (1...max(1, stored.count)).map { $0 })
            let keys = stored.compactMap { $0["clientMessageId"] as? String }
            #expect(Set(keys).count == keys.count)
            #expect(acknowledged.keys.isSubset(of: keys))
            #expect(acknowledged.keys.count > 20)
        }
    }

    /// Each disturbance is followed by proof that work goes on.
    private func disturb(_ stack: OwnStack, _ acknowledged: Acknowledged) async throws {
        try await acknowledged.more()
        for name in ["idgen", "idgen-2", "chats", "idgen", "chats-2"] {
            try stack.signal(name, SIGKILL)
            try await acknowledged.more()
        }
        try stack.signal("idgen", SIGSTOP)
        // Work goes on through the other instance; the stopped one's lease of three seconds runs out meanwhile.
        let woken = ContinuousClock.now + .seconds(5)
        _ = try await eventually("the end of the lease") { ContinuousClock.now > woken ? true : nil }
        try stack.signal("idgen", SIGCONT)
        for _ in 0..<3 { try await acknowledged.more() }
    }

    private func wholeHistory(of chat: String, as reader: Person) async throws -> [[String: Any]] {
        var messages: [[String: Any]] = []
        while true {
            let after = messages.last?["seq"] as? Int ?? 0
            let page = try await eventually("a page") {
                let answer = try await reader.get("/v1/chats/\(chat)/messages?after=\(after)&limit=100")
                return answer.status == 200 ? answer.items : nil
            }
            if page.isEmpty { return messages }
            messages += page
        }
    }
}

/// What was sent and answered with success.
private final class Acknowledged: Sendable {
    private let state = Mutex((keys: Set<String>(), stopped: false))
    var keys: Set<String> { state.withLock { $0.keys } }

    func stop() { state.withLock { $0.stopped = true } }

    /// Sends message after message, each again with its key until it is answered.
    func keepSending(as sender: Person, in chat: String, sender number: Int) async throws {
        for index in 0... {
            if state.withLock({ $0.stopped }) { return }
            let key = "\(number)-\(index)"
            _ = try await eventually("an answer") {
                let status = (try? await sender.say(key, in: chat, key: key))?.status
                return status == 200 || status == 201 ? true : nil
            }
            state.withLock { _ = $0.keys.insert(key) }
        }
    }

    /// Returns once more were acknowledged than at the call.
    func more() async throws {
        let before = keys.count
        _ = try await eventually("more messages") { keys.count > before + 8 ? true : nil }
    }
}
