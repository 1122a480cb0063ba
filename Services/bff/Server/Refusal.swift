import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import ServiceKit

/// What is said to a request that never became one.
struct Refusal {
    let head: HTTPResponseHead
    let body: ByteBuffer

    static var badRequest: Refusal { Refusal(.malformed("This is not a request as RFC 9112 has it.")) }
    static var tooLarge: Refusal { Refusal(.tooLarge) }
    static var timeout: Refusal { Refusal(Problem(.requestTimeout, "timeout", "The body did not arrive in time.")) }
    static var headersTooLarge: Refusal {
        Refusal(
            Problem(
                .requestHeaderFieldsTooLarge, "headersTooLarge",
                "Send at most \(APIChannel.headerFields) header fields, \(APIChannel.headerBytes) bytes together."))
    }

    private init(_ problem: Problem) {
        let reply = problem.reply(requestID: RequestID().description)
        body = reply.body
        head = HTTPResponseHead(HTTPResponse(status: reply.status, headerFields: reply.completeHeaders))
    }
}
