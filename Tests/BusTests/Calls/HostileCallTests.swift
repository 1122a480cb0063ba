import AMQP
import BusTesting
import CBOR
import Contracts
import TestSupport
import Testing

@testable import Bus

@Suite("Calls and answers that violate the protocol", .timeLimit(.minutes(3))) struct HostileCallTests {
    private static let address = "chats.replies.raw"

    @Test("each kind of invalid call gets its error, and the next valid one an answer")
    func badCalls() async throws {
        try await serving { broker in
            var newer = CallEnvelope.encode([try .to("users.echo.v1", Echo(text: "")), try .to("users.echo.v1", id: 2)])
            newer[0] = 9
            let cut = CallEnvelope.encode([try .to("users.echo.v1", Echo(text: ""))]).dropLast()
            #expect(try await codes(broker, newer) == [.unimplemented, .unimplemented])
            #expect(try await codes(broker, Array(cut)) == [.invalid])
            #expect(try await codes(broker, [try .to("users.nothing.v1")]) == [.unimplemented])
            #expect(try await codes(broker, [try .to("users.echo.v1", ["text": 5])]) == [.invalid])
            #expect(try await codes(broker, [try .to("users.echo.v1", [String]())]) == [.invalid])
            #expect(try await codes(broker, [try .to("users.lookup.v1", Lookup(key: 1))]) == [.denied])
            let late = try WireCall.to("users.echo.v1", Echo(text: ""), deadline: Deadline(millisecondsSinceEpoch: 1_000))
            #expect(try await codes(broker, [late]) == [.deadlineExceeded])
            #expect(try await codes(broker, [try .to("users.echo.v1", Echo(text: "good"))]) == [nil])
        }
    }

    @Test("junk, and calls without a verified caller or its own reply queue, are dropped, and the server keeps serving")
    func junk() async throws {
        try await serving { broker in
            try await broker.raw { raw in
                let call = CallEnvelope.encode([try .to("users.echo.v1", Echo(text: ""))])
                try raw.sendCalls([], as: "chats", replyTo: Self.address)
                try raw.sendCalls([1, 200, 3], as: "chats", replyTo: Self.address)
                try raw.sendCalls(Array("{\"a\": 1}".utf8), as: "chats", replyTo: Self.address)
                try raw.sendCalls(call, as: nil, replyTo: Self.address)
                try raw.sendCalls(call, as: "chats", replyTo: nil)
                try raw.sendCalls(call, as: "idgen", replyTo: Self.address)
            }
            #expect(try await codes(broker, [try .to("users.echo.v1", Echo(text: "good"))]) == [nil])
            let rest = try await broker.raw { try $0.status(ofQueue: Self.address).messages }
            #expect(rest == 0)
        }
    }

    @Test("an answer of another service than the called one is ignored")
    func wrongSender() async throws {
        try await withReceivedCall { broker, call, answer in
            let wrong = ReplyEnvelope.encode([try .ok(call.correlationID, Echo(text: "false"))])
            let right = ReplyEnvelope.encode([try .ok(call.correlationID, Echo(text: "right"))])
            try await broker.raw { raw in
                try raw.sendReplies(wrong, to: "bff.replies.bff-1", as: "chats")
                try raw.sendReplies(wrong, to: "bff.replies.bff-1", as: nil)
                try raw.sendReplies([1, 2, 3], to: "bff.replies.bff-1", as: "users")
                try raw.sendReplies(right, to: "bff.replies.bff-1", as: "users")
            }
            #expect(try await answer.value.text == "right")
        }
    }

    @Test("an answer of a newer version, or of another type, is an error")
    func unreadableAnswers() async throws {
        try await withReceivedCall { broker, call, answer in
            var newer = ReplyEnvelope.encode([try .ok(call.correlationID, Echo(text: ""))])
            newer[0] = 2
            let bytes = newer
            try await broker.raw { try $0.sendReplies(bytes, to: "bff.replies.bff-1", as: "users") }
            #expect(await failure { try await answer.value }?.code == .internal)
        }
        try await withReceivedCall { broker, call, answer in
            let other = ReplyEnvelope.encode([try .ok(call.correlationID, ["text"])])
            try await broker.raw { try $0.sendReplies(other, to: "bff.replies.bff-1", as: "users") }
            #expect(await failure { try await answer.value }?.code == .internal)
        }
    }

    @Test("a service that is not a caller of a procedure is refused before anything is sent")
    func callers() async throws {
        try await serving { broker in
            try await broker.bus(.chats) { chats in
                #expect(await failure { try await chats.call(Lookup(key: 1)) }?.code == .denied)
            }
        }
    }

    private func serving(_ body: (TestBroker) async throws -> Void) async throws {
        try await TestBroker.with { broker in
            try await broker.raw { try $0.declareReplies(Self.address) }
            try await broker.bus(
                .users,
                register: {
                    $0.serve(Echo.self) { request, _ in request }
                    $0.serve(Lookup.self) { _, _ in Done() }
                }
            ) { _ in try await body(broker) }
        }
    }

    private func codes(_ broker: TestBroker, _ calls: [WireCall]) async throws -> [ServiceError.Code?] {
        try await codes(broker, CallEnvelope.encode(calls))
    }

    /// Sends a message as `chats` and waits for the message with the answers.
    ///
    /// - Returns: the codes of the errors in it, `nil` for an answer.
    private func codes(_ broker: TestBroker, _ body: [UInt8]) async throws -> [ServiceError.Code?] {
        try await broker.raw { try $0.sendCalls(body, as: "chats", replyTo: Self.address) }
        let delivery = try await eventually("an answer") { try await broker.raw { try $0.take(from: Self.address) } }
        #expect(delivery.properties.userID == "users")
        return try ReplyEnvelope.decode(delivery.body).map { reply in
            reply.kind == .answer ? nil : try CBORDecoder.contracts.decode(ServiceError.self, from: reply.payload).code
        }
    }

    /// Receives a call of bff to users with a raw client. Lends the call and the task that waits for its
    /// answer.
    private func withReceivedCall(
        _ body: (TestBroker, WireCall, Task<Echo, any Error>) async throws -> Void
    ) async throws {
        try await TestBroker.with { broker in
            try await broker.raw { try $0.declareRequests(of: "users") }
            try await broker.bus(.bff) { bff in
                let answer = Task { try await bff.call(Echo(text: "asked"), deadline: .after(.seconds(60))) }
                let delivery = try await eventually("the call") { try await broker.raw { try $0.take(from: "raw") } }
                let call = try #require(try CallEnvelope.decode(delivery.body).first)
                #expect(delivery.properties.replyTo == "bff.replies.bff-1")
                #expect(delivery.properties.expiration.map { (1...60_000).contains($0) } == true)
                try await body(broker, call, answer)
            }
        }
    }
}

extension WireReply {
    fileprivate static func ok(_ id: UInt64, _ value: some Encodable) throws -> WireReply {
        WireReply(correlationID: id, kind: .answer, payload: try CBOREncoder.contracts.encode(value))
    }
}
