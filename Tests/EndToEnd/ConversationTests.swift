import Foundation
import StackTesting
import TestSupport
import Testing

@Suite("Conversations over the real stack", .timeLimit(.minutes(15))) struct ConversationTests {
    @Test("two users register, connect, chat, and read the history")
    func direct() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        #expect(try await ada.send("POST", "/v1/connections/\(grace.id)/invite").text("status") == "sent")
        #expect(try await grace.get("/v1/connections").items.first?["status"] as? String == "received")
        #expect(try await grace.send("POST", "/v1/connections/\(ada.id)/accept").text("status") == "connected")

        let chat = try await ada.chat(with: grace)
        #expect(try await grace.chat(with: ada) == chat)
        for (index, text) in ["Hello, Grace.", "How are you? 🦆", "é"].enumerated() {
            let sent = try await ada.sendMessage(text, in: chat)
            #expect(sent.status == 201)
            #expect(sent.number("seq") == index + 1)
            #expect(sent.text("text") == text)
        }
        let history = try await grace.get("/v1/chats/\(chat)/messages").items
        #expect(history.map { $0["text"] as? String } == ["Hello, Grace.", "How are you? 🦆", "é"])
        #expect(history.allSatisfy { $0["senderId"] as? String == ada.id })

        let listed = try #require(try await grace.get("/v1/chats").items.first)
        #expect(listed["unread"] as? Int == 3)
        #expect((listed["lastMessage"] as? [String: Any])?["seq"] as? Int == 3)
        #expect(try await grace.send("PUT", "/v1/chats/\(chat)/read", json: ["seq": 2]).number("readSeq") == 2)
        #expect(try await grace.send("PUT", "/v1/chats/\(chat)/read", json: ["seq": 1]).number("readSeq") == 2)
        #expect(try await grace.get("/v1/chats/\(chat)").number("unread") == 1)
        #expect(try await ada.get("/v1/chats/\(chat)").number("unread") == 0)
    }

    @Test("members of a group see its messages from joining until leaving")
    func group() async throws {
        let (ada, grace, lin) = (try await Person.new("ada"), try await Person.new("grace"), try await Person.new("lin"))
        let chat = try await ada.group("Compilers", with: [grace])
        #expect(try await ada.sendMessage("before Lin", in: chat).status == 201)
        #expect(try await lin.get("/v1/chats/\(chat)").status == 404)
        #expect(try await lin.sendMessage("let me in", in: chat).status == 404)
        #expect(try await grace.send("PUT", "/v1/chats/\(chat)/members/\(lin.id)", json: ["role": "member"]).status == 403)
        #expect(try await ada.send("PUT", "/v1/chats/\(chat)/members/\(lin.id)", json: ["role": "member"]).status == 201)
        #expect(try await lin.sendMessage("after Lin", in: chat).number("seq") == 2)
        #expect(try await lin.get("/v1/chats/\(chat)/messages").items.map { $0["text"] as? String } == ["after Lin"])
        #expect(try await grace.get("/v1/chats/\(chat)/messages").items.count == 2)
        #expect(try await ada.send("PATCH", "/v1/chats/\(chat)", json: ["title": "Linkers"]).text("title") == "Linkers")
        #expect(try await ada.send("DELETE", "/v1/chats/\(chat)/members/\(lin.id)").status == 204)
        #expect(try await lin.sendMessage("still here?", in: chat).status == 404)
        #expect(try await ada.get("/v1/chats/\(chat)/members").items.count == 2)
    }

    @Test("twenty concurrent sends with one key create one message, and all get the same response")
    func idempotency() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let chat = try await ada.chat(with: grace)
        let answers = try await withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { try await ada.sendMessage("once", in: chat, key: "the-key") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.filter { $0.status == 201 }.count == 1)
        #expect(answers.filter { $0.status == 200 }.count == 19)
        #expect(Set(answers.map { $0.text("id") }).count == 1)
        #expect(Set(answers.map(\.body)).count == 1)
        #expect(try await ada.sendMessage("something else", in: chat, key: "the-key").status == 422)
        #expect(try await grace.sendMessage("once", in: chat, key: "the-key").number("seq") == 2)
    }

    @Test("with concurrent senders, seq is 1, 2, 3, … and sentAt never decreases")
    func dense() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let chat = try await ada.group("Crowd", with: [grace])
        try await withThrowingTaskGroup { group in
            for index in 0..<120 {
                let sender = index.isMultiple(of: 2) ? ada : grace
                group.addTask {
                    let answer = try await sender.sendMessage("message \(index)", in: chat)
                    #expect(answer.status == 201)
                }
            }
            try await group.waitForAll()
        }
        var messages: [[String: Any]] = []
        while true {
            let page = try await ada.get("/v1/chats/\(chat)/messages?after=\(messages.last?["seq"] as? Int ?? 0)&limit=50").items
            if page.isEmpty { break }
            messages += page
        }
        #expect(messages.map { $0["seq"] as? Int } == (1...120).map { $0 })
        #expect(Set(messages.compactMap { $0["text"] as? String }).count == 120)
        let times = messages.compactMap { $0["sentAt"] as? String }
        #expect(times == times.sorted())
    }

    @Test("history is read before, after and around a position, at a time, and by changes")
    func history() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let chat = try await ada.chat(with: grace)
        var sent: [API.Response] = []
        for index in 1...7 { sent.append(try await ada.sendMessage("\(index)", in: chat)) }
        func seqs(_ query: String) async throws -> [Int] {
            try await grace.get("/v1/chats/\(chat)/messages?\(query)").items.compactMap { $0["seq"] as? Int }
        }
        #expect(try await seqs("limit=3") == [5, 6, 7])
        #expect(try await seqs("before=5&limit=3") == [2, 3, 4])
        #expect(try await seqs("after=5") == [6, 7])
        #expect(try await seqs("changedAfter=\(sent[4].number("rev"))") == [6, 7])
        let at = sent[3].text("sentAt").replacing(":", with: "%3A")
        let fromTime = try await seqs("at=\(at)")
        #expect(fromTime.last == 7)
        #expect(fromTime.contains(4))
    }

    @Test("a cursor returns every chat that changed since, and those the user left")
    func changedSince() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let quiet = try await ada.group("Quiet", with: [grace])
        let loud = try await ada.group("Loud", with: [grace])
        let left = try await ada.group("Left", with: [grace])
        let cursor = try await grace.get("/v1/chats").text("cursor")
        #expect(!cursor.isEmpty)
        _ = try await ada.sendMessage("news", in: loud)
        #expect(try await grace.send("DELETE", "/v1/chats/\(left)/members/\(grace.id)").status == 204)
        let changed = try await grace.get("/v1/chats?changedSince=\(cursor)").items
        #expect(changed.contains { $0["id"] as? String == loud })
        #expect(changed.contains { $0["id"] as? String == left && $0["left"] as? Bool == true })
        #expect(try await grace.get("/v1/chats").items.compactMap { $0["id"] as? String } == [loud, quiet])
    }

    @Test("a block stops new chats, sends and additions; removing it allows them again")
    func blocks() async throws {
        let (ada, grace) = (try await Person.new("ada"), try await Person.new("grace"))
        let chat = try await ada.chat(with: grace)
        #expect(try await grace.send("PUT", "/v1/blocks/\(ada.id)").status == 204)
        // chats learns of the block from an event.
        _ = try await eventually("the block") { try await ada.sendMessage("hello?", in: chat).status == 403 ? true : nil }
        let lin = try await Person.new("lin")
        let group = try await ada.group("Without Grace", with: [lin])
        #expect(try await ada.send("PUT", "/v1/chats/\(group)/members/\(grace.id)", json: ["role": "member"]).status == 403)
        #expect(try await grace.get("/v1/blocks").items.first?["userId"] as? String == ada.id)
        #expect(try await grace.send("DELETE", "/v1/blocks/\(ada.id)").status == 204)
        _ = try await eventually("the end of the block") {
            try await ada.sendMessage("hello!", in: chat).status == 201 ? true : nil
        }
    }
}
