import Contracts
import Testing

@testable import Messaging

@Suite("Heartbeats that are not answered") struct SetbackTests {
    @Test(
        "nobody can give away what is ours: there is no config, or it has told the leader",
        arguments: [
            ServiceError(.unavailable, "nobody serves it", cause: .noInstance),
            ServiceError(
                .deadlineExceeded, "the first try was taken by one that died, the second by nobody", cause: .noInstance),
            ServiceError(.unavailable, "no Postgres", cause: .standstill),
            ServiceError(.unknownOutcome, "one try", cause: .standstill),
        ])
    func standstill(error: ServiceError) { #expect(Setback(error) == .standstill) }

    @Test("only the config that was asked is without Postgres")
    func askAgain() {
        #expect(Setback(ServiceError(.unavailable, "no Postgres here", cause: .elsewhere)) == .askAgain)
    }

    @Test(
        "anything else says nothing of what config does for others",
        arguments: [
            ServiceError(.unavailable, "too many calls wait for an answer"), ServiceError(.unavailable, "config is busy"),
            ServiceError(.deadlineExceeded, "no answer"), ServiceError(.unknownOutcome, "lost"), ServiceError(.stale, "older"),
            ServiceError(.unavailable, "of tomorrow", cause: .init(rawValue: "causeOfTomorrow")),
        ])
    func unheard(error: ServiceError) {
        #expect(Setback(error) == .unheard)
        #expect(Setback(CancellationError()) == .unheard)
    }
}
