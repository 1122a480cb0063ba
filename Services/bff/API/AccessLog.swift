import Contracts
import HTTPTypes
import Hummingbird
import Logging
import Metrics
import ServiceKit
import Synchronization

/// One line and one measurement per request; never a body, a query or a token.
final class AccessLog: Sendable {
    private let logger: Logger
    private let timers = Mutex<[Kind: Metrics.Timer]>([:])
    private let shed = Mutex(Shed())

    /// What is measured together. Bounded: clients may send any word as a method, but only standard ones count.
    private struct Kind: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    /// Refused for want of room. Telling of each would cost as much as answering.
    private struct Shed {
        var count = 0
        var told = ContinuousClock.now - .seconds(1)
    }

    init(logger: Logger) { self.logger = logger }

    func record(
        _ request: Request, _ status: HTTPResponse.Status, _ context: APIContext, since start: ContinuousClock.Instant,
        _ failure: (any Error)?
    ) {
        let kind = Kind(
            method: Self.known(request.method), route: context.route ?? "none", status: status.code)
        let (seconds, attoseconds) = (.now - start).components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        timer(kind).recordNanoseconds(nanoseconds)
        if failure is AdmissionRefused { return recordShed() }
        let level: Logger.Level = status.code >= 500 ? .warning : .info
        if logger.logLevel <= level { write(level, kind, nanoseconds, context, failure) }
    }

    private func write(_ level: Logger.Level, _ kind: Kind, _ nanoseconds: Int64, _ context: APIContext, _ failure: (any Error)?)
    {
        var metadata: Logger.Metadata = [
            "method": .string(kind.method), "route": .string(kind.route), "status": .string(String(kind.status)),
            "microseconds": .string(String(nanoseconds / 1_000)),
        ]
        if let user = context.identity.userID { metadata["userId"] = .string(user.description) }
        if kind.status >= 500, let failure { metadata["error"] = "\(failure)" }
        logger.log(level: level, "request", metadata: metadata)
    }

    private func recordShed() {
        let now = ContinuousClock.now
        let count: Int? = shed.withLock { shed in
            shed.count += 1
            guard now - shed.told >= .seconds(1) else { return nil }
            defer { shed = Shed(count: 0, told: now) }
            return shed.count
        }
        if let count { logger.warning("requests are refused for want of room", metadata: ["count": "\(count)"]) }
    }

    private func timer(_ kind: Kind) -> Metrics.Timer {
        timers.withLock { timers in
            if let timer = timers[kind] { return timer }
            let timer = Metrics.Timer(
                label: "martlet_http_request",
                dimensions: [("method", kind.method), ("route", kind.route), ("status", String(kind.status))])
            timers[kind] = timer
            return timer
        }
    }

    private static func known(_ method: HTTPRequest.Method) -> String {
        switch method {
        case .get, .head, .post, .put, .patch, .delete, .options: method.rawValue
        default: "other"
        }
    }
}
