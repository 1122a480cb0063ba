import CBOR
import Contracts
import TestSupport
import Testing

@testable import Bus

@Suite("Golden samples of procedures on the wire") struct GoldenSampleTests {
    /// A type-erased procedure: decodes a sample and encodes it again.
    private struct Known: Sendable {
        let name: String
        let request: @Sendable ([UInt8]) throws -> [UInt8]
        let response: @Sendable ([UInt8]) throws -> [UInt8]

        init<P: Procedure>(_ type: P.Type) {
            name = P.name.rawValue
            request = { try again(P.self, $0) }
            response = { try again(P.Response.self, $0) }
        }
    }

    private static let known: [Known] = [
        Known(NextIDs.self), Known(RegisterUser.self), Known(GetAccount.self), Known(UpdateProfile.self),
        Known(ChangePassword.self),
        Known(LogIn.self), Known(RefreshSession.self), Known(ListSessions.self), Known(RevokeSession.self), Known(GetKeys.self),
        Known(ListRevocations.self), Known(GetProfiles.self), Known(SearchUsers.self), Known(ListConnections.self),
        Known(ChangeConnection.self), Known(ListBlocks.self), Known(SetBlock.self), Known(CreateChat.self), Known(ListChats.self),
        Known(GetChat.self), Known(UpdateChat.self), Known(ListMembers.self), Known(SetMember.self), Known(RemoveMember.self),
        Known(MarkRead.self), Known(SendMessage.self), Known(GetHistory.self), Known(Heartbeat.self), Known(GetRoutes.self),
        Known(ListSections.self), Known(GetSection.self), Known(SetSection.self), Known(ListSectionChanges.self),
        Known(MarkDelivered.self), Known(ShowTyping.self), Known(ListContacts.self), Known(NoteSeen.self),
    ]

    private func reread(_ sample: GoldenSample, _ bytes: [UInt8]) throws -> [UInt8] {
        if sample.kind == .error { return try again(ServiceError.self, bytes) }
        let known = try #require(Self.known.first { $0.name == sample.name }, "\(sample.name) is not in the list of this test")
        return try sample.kind == .request ? known.request(bytes) : known.response(bytes)
    }

    @Test("every sample is decoded without loss", arguments: GoldenSample.all)
    func read(sample: GoldenSample) throws {
        let now = try CBORTree(try reread(sample, sample.bytes))
        #expect(now.contains(try CBORTree(sample.bytes)), "encoded today: \(now.bytes.hex)")
    }

    @Test("a field of a newer version is ignored, at any place and of any type", arguments: GoldenSample.all)
    func newer(sample: GoldenSample) throws {
        let known = try CBORTree(try reread(sample, sample.bytes))
        let values: [CBORTree] = [
            .text("new"), .leaf([0xF6]), .leaf([0x1B] + [UInt8](repeating: 0xFF, count: 8)), .array([.map([])]),
        ]
        for value in values {
            let newer = try CBORTree(sample.bytes).adding("fieldOfTomorrow", value)
            let read = try CBORTree(try reread(sample, newer.bytes))
            #expect(read.contains(known) && known.contains(read))
        }
    }

    @Test("every procedure has a sample of its request and of its response")
    func complete() {
        let present = Set(GoldenSample.all.map(\.description))
        let missing = Self.known.flatMap { ["\($0.name) request", "\($0.name) response"] }.filter { !present.contains($0) }
        #expect(missing == [])
        #expect(GoldenSample.all.contains { $0.kind == .error })
    }

    @Test("an error with an unknown code arrives complete, and may have happened")
    func unknownCode() throws {
        let errors = try GoldenSample.all.filter { $0.kind == .error }.map {
            try CBORDecoder.contracts.decode(ServiceError.self, from: $0.bytes)
        }
        let unknown = try #require(errors.first { $0.code.rawValue == "codeOfTomorrow" })
        #expect(unknown.mayHaveHappened)
    }
}

private func again<Value: Codable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> [UInt8] {
    try CBOREncoder.contracts.encode(try CBORDecoder.contracts.decode(Value.self, from: bytes))
}

extension CBORTree {
    /// Whether everything in `other` is here too: a version may have added fields since, and lost none.
    fileprivate func contains(_ other: CBORTree) -> Bool {
        switch (self, other) {
        case (.map(let entries), .map(let others)):
            others.allSatisfy { other in entries.contains { $0.key == other.key && $0.value.contains(other.value) } }
        case (.array(let items), .array(let others)):
            items.count == others.count && zip(items, others).allSatisfy { $0.contains($1) }
        default: self == other
        }
    }
}
