import CBOR
import Contracts
import Logging
import Testing

@testable import Bus

@Suite("Served procedures") struct ServedProcedureTests {
    @Test("an unknown outcome stays one for a change, and becomes unavailable for a read")
    func lost() async throws {
        let lost = ServiceError(.unknownOutcome, "the database was lost")
        #expect(try await answer(to: SetBlock(userID: user, otherID: user, blocked: true), lost) == lost)
        let reading = try await answer(to: GetAccount(userID: user), lost)
        #expect(reading?.code == .unavailable && reading?.mayHaveHappened == false)
    }

    private let user = UserID(rawValue: 5)

    private func answer<P: Procedure>(to request: P, _ error: ServiceError) async throws -> ServiceError? {
        let served = ServedProcedure(P.self, atMost: 1, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            _, _ -> P.Response in throw error
        }
        let context = CallContext(caller: .bff, procedure: P.name, deadline: .after(.seconds(60)))
        let answer = await served.answer(try CBOREncoder.contracts.encode(request), context)
        if case .failure(let refusal) = answer { return refusal }
        return nil
    }
}
