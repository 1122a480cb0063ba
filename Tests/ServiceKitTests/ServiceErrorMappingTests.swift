import Cache
import Contracts
import Testing

@testable import Postgres
@testable import ServiceKit

@Suite("Errors that callers of a service get") struct ServiceErrorMappingTests {
    @Test(
        "what the server reports",
        arguments: [
            ("40P01", .unavailable), ("40001", .unavailable), ("55P03", .unavailable), ("25006", .unavailable),
            ("53300", .unavailable), ("57P01", .unavailable), ("58030", .unavailable), ("57014", .deadlineExceeded),
            ("23505", .internal), ("42P01", .internal), ("XX000", .internal),
        ] as [(String, ServiceError.Code)])
    func reported(state: String, code: ServiceError.Code) {
        let error = ServiceError(Self.reported(state))
        #expect(error.code == code)
        // The server rolled back.
        #expect(!error.mayHaveHappened)
        #expect((error.retryAfterMilliseconds != nil) == (code == .unavailable))
        #expect(!error.message.contains("relation"))
    }

    @Test(
        "what happened on the way to the server",
        arguments: [
            (.unavailable, .unavailable), (.overloaded, .unavailable), (.acquireTimeout, .unavailable),
            (.connectionLost, .unavailable), (.deadlineExceeded, .deadlineExceeded), (.cancelled, .deadlineExceeded),
            (.invalidParameter, .internal), (.transactionOver, .internal),
        ] as [(PostgresError.Reason, ServiceError.Code)])
    func onTheWay(reason: PostgresError.Reason, code: ServiceError.Code) {
        let error = ServiceError(PostgresError(reason, "not for callers"))
        #expect(error.code == code && !error.mayHaveHappened)
        #expect(!error.message.contains("not for callers"))
    }

    @Test("a commit in doubt stays in doubt")
    func inDoubt() {
        let lost = ServiceError(PostgresError(.connectionLost, "", mayHaveHappened: true))
        #expect(lost.code == .unknownOutcome && lost.mayHaveHappened)
        // An error that ends the session may arrive while a commit is in flight.
        let shutdown = ServiceError(
            PostgresError(.connectionLost, "", mayHaveHappened: true, report: Self.reported("57P01").report))
        #expect(shutdown.code == .unknownOutcome && shutdown.mayHaveHappened)
        for reason in [PostgresError.Reason.deadlineExceeded, .cancelled] {
            let late = ServiceError(PostgresError(reason, "", mayHaveHappened: true))
            #expect(late.code == .deadlineExceeded && late.mayHaveHappened)
        }
    }

    @Test("an unexpected result may belong to a statement that has succeeded")
    func unexpectedResult() {
        let error = ServiceError(PostgresError(.unexpectedResult, ""))
        #expect(error.code == .internal && error.mayHaveHappened)
    }

    @Test(
        "an overloaded cache and a slow load are `unavailable`, with a time to retry after",
        arguments: [CacheOverloaded(), CacheLoadTimedOut()] as [any Error])
    func caches(error: any Error) {
        let error = ServiceError(thrown: error)
        #expect(error.code == .unavailable && !error.mayHaveHappened && error.retryAfterMilliseconds == 1_000)
    }

    @Test("other errors of handlers")
    func thrown() {
        #expect(ServiceError(thrown: ServiceError(.denied, "no")) == ServiceError(.denied, "no"))
        #expect(ServiceError(thrown: PostgresError(.unavailable, "")).code == .unavailable)
        #expect(ServiceError(thrown: AdmissionRefused(reason: .full)).code == .unavailable)
        let cancelled = ServiceError(thrown: CancellationError())
        #expect(cancelled.code == .deadlineExceeded && cancelled.mayHaveHappened)
        let unknown = ServiceError(thrown: Unknown())
        #expect(unknown.code == .internal && unknown.mayHaveHappened)
    }

    private struct Unknown: Error {}

    private static func reported(_ state: String) -> PostgresError {
        let report = ServerReport(
            sqlState: SQLState(rawValue: state), severity: "ERROR", message: "relation", detail: nil, hint: nil, schema: nil,
            table: nil, column: nil, constraint: nil, position: nil)
        return PostgresError(.server, report.message, report: report)
    }
}
