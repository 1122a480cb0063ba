import Contracts
import Testing

@testable import Messaging

@Suite("Heartbeat failures") struct HeartbeatFailureTests {
    @Test(
        "no partition can be reassigned when no config runs, or when config has notified the leader",
        arguments: [
            ServiceError(.unavailable, "no instance serves it", cause: .noInstance),
            ServiceError(
                .deadlineExceeded, "the first attempt reached a process that died, the second none", cause: .noInstance),
            ServiceError(.unavailable, "no Postgres", cause: .standstill),
            ServiceError(.unknownOutcome, "one try", cause: .standstill),
        ])
    func standstill(error: ServiceError) { #expect(HeartbeatFailure(error) == .standstill) }

    @Test("another instance of config can answer when only the asked one cannot reach Postgres")
    func askAnother() {
        #expect(HeartbeatFailure(ServiceError(.unavailable, "no Postgres here", cause: .elsewhere)) == .askAnother)
    }

    @Test(
        "after any other failure config may be answering other members",
        arguments: [
            ServiceError(.unavailable, "too many calls wait for an answer"), ServiceError(.unavailable, "config is busy"),
            ServiceError(.deadlineExceeded, "no answer"), ServiceError(.unknownOutcome, "lost"), ServiceError(.stale, "older"),
            ServiceError(.unavailable, "of tomorrow", cause: .init(rawValue: "causeOfTomorrow")),
        ])
    func unanswered(error: ServiceError) {
        #expect(HeartbeatFailure(error) == .unanswered)
        #expect(HeartbeatFailure(CancellationError()) == .unanswered)
    }
}
