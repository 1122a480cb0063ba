import Contracts
import Testing

@testable import Chats

/// These hashes are stored with every message. A changed hash would turn repeats of stored messages into
/// refusals.
@Suite("Request hashes") struct RequestHashTests {
    @Test(
        "the hash of a send does not change between releases",
        arguments: [
            (nil, "b45ac635de40da72f87f3727f517863a8b574977f943cfde387066dc7d0131eb"),
            (3, "7c07e8c93c8d0b9660444a18359da25c2f9e09b2b21a706581b98c49216c1e63"),
        ] as [(Int64?, String)])
    func sends(replyTo: Int64?, hex: String) {
        let request = SendMessage(
            senderID: UserID(rawValue: 5), chatID: ChatID(rawValue: 71), clientMessageID: ClientMessageID(rawValue: "6f1c"),
            text: "grüß dich", replyTo: replyTo)
        #expect(RequestHash(of: request).hex == hex)
    }

    @Test("the hash of a new chat does not change between releases")
    func newChats() throws {
        let request = CreateChat(
            creatorID: UserID(rawValue: 5), kind: .group, title: "Swifts", members: [UserID(rawValue: 7), UserID(rawValue: 6)])
        #expect(RequestHash(of: try NewChat(request)).hex == "f649491c26a16ddb8378b8e0ae9401c144066adfa4cd0af45ea489e5263a2a76")
    }
}

extension RequestHash {
    fileprivate var hex: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
