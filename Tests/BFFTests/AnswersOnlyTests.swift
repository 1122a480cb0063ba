import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression
import Testing

@testable import BFF

@Suite("Answers without a request") struct AnswersOnlyTests {
    private func channel() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([HTTPResponseCompressor(), AnswersOnly()])
        return channel
    }

    @Test("an answer to a request passes")
    func answer() throws {
        let channel = try channel()
        try channel.writeInbound(HTTPServerRequestPart.head(.init(version: .http1_1, method: .GET, uri: "/")))
        try channel.writeOutbound(HTTPServerResponsePart.head(.init(version: .http1_1, status: .ok)))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        #expect(try channel.readOutbound(as: HTTPServerResponsePart.self) != nil)
    }

    @Test("an answer to nothing closes the connection and traps nowhere")
    func none() throws {
        let channel = try channel()
        try channel.writeOutbound(HTTPServerResponsePart.head(.init(version: .http1_1, status: .badRequest)))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        #expect(try channel.readOutbound(as: HTTPServerResponsePart.self) == nil)
        #expect(!channel.isActive)
    }
}
