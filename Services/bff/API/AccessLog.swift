import HTTPTypes
import Hummingbird
import Logging
import Metrics

/// One line and one measurement per request; never a body, a query or a token.
struct AccessLog {
    private let method: String
    private let status: Int
    private let duration: Duration
    private let requestID: String
    private let context: APIContext
    private let failure: (any Error)?

    init(
        _ request: Request, _ status: HTTPResponse.Status, _ requestID: String, _ context: APIContext,
        since start: ContinuousClock.Instant, _ failure: (any Error)?
    ) {
        (method, self.status, self.requestID) = (request.method.rawValue, status.code, requestID)
        (self.context, self.failure, duration) = (context, failure, .now - start)
    }

    func write() {
        let route = context.endpointPath ?? "none"
        let timer = Timer(
            label: "martlet_http_request",
            dimensions: [("method", Self.known(method)), ("route", route), ("status", String(status))])
        let (seconds, attoseconds) = duration.components
        timer.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        let level: Logger.Level = status >= 500 ? .warning : .info
        guard context.logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": "\(method)", "route": "\(route)", "status": "\(status)", "requestId": "\(requestID)",
            "milliseconds": "\(Double(seconds) * 1_000 + Double(attoseconds) / 1e15)",
        ]
        if status >= 500, let failure { metadata["error"] = "\(failure)" }
        context.logger.log(level: level, "request", metadata: metadata)
    }

    /// Clients may send any word as a method; only the standard ones become a label.
    private static func known(_ method: String) -> String {
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method) ? method : "other"
    }
}
