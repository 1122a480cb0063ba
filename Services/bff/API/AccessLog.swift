import Contracts
import HTTPTypes
import Hummingbird
import Logging
import Metrics
import ServiceKit
import Synchronization

/// Writes one log line and one measurement per request; never a body, a query or a token.
final class AccessLog: Sendable {
    private let logger: Logger
    private let timers = Mutex<[Dimensions: Metrics.Timer]>([:])
    private let shedding = Mutex(Shedding())

    /// The dimensions of a measurement. Their number is bounded: a client may send any word as a method, but
    /// all non-standard ones count as `other`.
    private struct Dimensions: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    /// Requests rejected at capacity. One line per second counts them: a line for each would cost as much as
    /// a response.
    private struct Shedding {
        var count = 0
        var lastReport = ContinuousClock.now - .seconds(1)
    }

    init(logger: Logger) { self.logger = logger }

    func record(
        _ request: Request, status: HTTPResponse.Status, context: APIContext, since start: ContinuousClock.Instant,
        failure: (any Error)?
    ) {
        let dimensions = Dimensions(
            method: Self.label(of: request.method), route: context.route ?? "none", status: status.code)
        let (seconds, attoseconds) = (.now - start).components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        timer(dimensions).recordNanoseconds(nanoseconds)
        if failure is AdmissionRefused { return recordShedding() }
        let level: Logger.Level = status.code >= 500 ? .warning : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": .string(dimensions.method), "route": .string(dimensions.route),
            "status": .string(String(dimensions.status)), "microseconds": .string(String(nanoseconds / 1_000)),
        ]
        if let user = context.identity.userID { metadata["userId"] = .string(user.description) }
        if dimensions.status >= 500, let failure { metadata["error"] = "\(failure)" }
        logger.log(level: level, "request", metadata: metadata)
    }

    private func recordShedding() {
        let now = ContinuousClock.now
        let count: Int? = shedding.withLock { shedding in
            shedding.count += 1
            guard now - shedding.lastReport >= .seconds(1) else { return nil }
            defer { shedding = Shedding(count: 0, lastReport: now) }
            return shedding.count
        }
        if let count { logger.warning("requests rejected at capacity", metadata: ["count": "\(count)"]) }
    }

    private func timer(_ dimensions: Dimensions) -> Metrics.Timer {
        timers.withLock { timers in
            if let timer = timers[dimensions] { return timer }
            let timer = Metrics.Timer(
                label: "martlet_http_request",
                dimensions: [
                    ("method", dimensions.method), ("route", dimensions.route), ("status", String(dimensions.status)),
                ])
            timers[dimensions] = timer
            return timer
        }
    }

    private static func label(of method: HTTPRequest.Method) -> String {
        switch method {
        case .get, .head, .post, .put, .patch, .delete, .options: method.rawValue
        default: "other"
        }
    }
}
