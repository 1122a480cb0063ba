import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import ServiceKit

/// What is said to a request that never became one.
struct RequestRejection {
    let head: HTTPResponseHead
    let body: ByteBuffer

    static var badRequest: RequestRejection { RequestRejection(.malformed("This is not a request as RFC 9112 has it.")) }
    static var tooLarge: RequestRejection { RequestRejection(.tooLarge) }
    static var timeout: RequestRejection {
        RequestRejection(Problem(.requestTimeout, "timeout", "The body did not arrive in time."))
    }
    static var headersTooLarge: RequestRejection {
        RequestRejection(
            Problem(
                .requestHeaderFieldsTooLarge, "headersTooLarge",
                "Send at most \(APIChannel.headerFields) header fields, \(APIChannel.headerBytes) bytes together."))
    }

    private init(_ problem: Problem) {
        let response = problem.response(requestID: RequestID().description)
        body = response.body
        head = HTTPResponseHead(HTTPResponse(status: response.status, headerFields: response.completeHeaders))
    }
}
