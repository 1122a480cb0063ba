import Edge
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import ServiceKit

/// Why bytes on a connection did not become a request. The response closes the connection.
enum RequestRejection {
    case malformed, bodyTooLarge, bodyTimeout, headTooLarge

    private var problem: Problem {
        switch self {
        case .malformed: .malformed("Send a valid HTTP/1.1 request (RFC 9112) with one Host field.")
        case .bodyTooLarge: .bodyTooLarge
        case .bodyTimeout:
            Problem(.requestTimeout, code: "timeout", detail: "The body did not arrive in time. Send it within 10 seconds.")
        case .headTooLarge:
            Problem(
                .requestHeaderFieldsTooLarge, code: "headersTooLarge",
                detail:
                    "Send at most \(RequestHeadLimits.fieldCount) header fields and \(RequestHeadLimits.totalBytes) bytes of them."
            )
        }
    }

    /// Returns the head and the body of the response.
    func response() -> (head: HTTPResponseHead, body: ByteBuffer) {
        let response = APIResponse(problem, requestID: RequestID().description)
        let head = HTTPResponse(status: response.status, headerFields: response.completeHeaders)
        return (HTTPResponseHead(head), response.body)
    }
}
