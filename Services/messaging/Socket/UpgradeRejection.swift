import NIOCore
import NIOHTTP1
import ServiceKit

/// Why a request does not become a live connection, answered as `application/problem+json` (RFC 9457).
struct UpgradeRejection: Hashable, Sendable, Error {
    let status: HTTPResponseStatus
    /// Stable, in camelCase.
    let code: String
    let detail: String
    var headers: [String: String] = [:]
    private var requestID = ""

    private init(status: HTTPResponseStatus, code: String, detail: String, headers: [String: String] = [:]) {
        (self.status, self.code, self.detail, self.headers) = (status, code, detail, headers)
    }

    /// Named as the request is: as its client has named it, or anew.
    func of(_ request: HTTPRequestHead?) -> UpgradeRejection {
        var refusal = self
        refusal.requestID = RequestID().orGiven(request?.headers.first(name: Self.requestIDHeader))
        return refusal
    }

    private static let requestIDHeader = "X-Request-ID"

    static func unauthenticated(_ detail: String) -> UpgradeRejection {
        UpgradeRejection(status: .unauthorized, code: "unauthenticated", detail: detail, headers: ["WWW-Authenticate": "Bearer"])
    }

    static func unavailable(_ detail: String) -> UpgradeRejection {
        UpgradeRejection(status: .serviceUnavailable, code: "unavailable", detail: detail, headers: ["Retry-After": "1"])
    }

    static func malformed(_ detail: String) -> UpgradeRejection {
        UpgradeRejection(status: .badRequest, code: "malformed", detail: detail)
    }

    static let notFound = UpgradeRejection(status: .notFound, code: "notFound", detail: "There is nothing at this address.")
    static let notAnUpgrade = UpgradeRejection(
        status: .upgradeRequired, code: "upgradeRequired",
        detail: "This address speaks WebSocket, version 13: send the upgrade of RFC 6455 as a GET.",
        headers: ["Upgrade": "websocket", "Sec-WebSocket-Version": "13"])

    /// The details are all our own words, without quotes.
    var body: String {
        let members = #""title":"\#(status.reasonPhrase)","status":\#(status.code),"detail":"\#(detail)","code":"\#(code)""#
        return #"{"type":"about:blank",\#(members),"requestId":"\#(requestID)"}"#
    }

    var head: HTTPResponseHead {
        var fields: HTTPHeaders = [
            "Content-Type": "application/problem+json", "Content-Length": "\(body.utf8.count)", "Connection": "close",
            Self.requestIDHeader: requestID,
        ]
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { fields.replaceOrAdd(name: name, value: value) }
        return HTTPResponseHead(version: .http1_1, status: status, headers: fields)
    }
}
