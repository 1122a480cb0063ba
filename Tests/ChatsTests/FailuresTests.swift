import Cache
import Contracts
import Testing

@testable import Chats

@Suite("Errors that callers receive") struct FailuresTests {
    @Test(
        "an overloaded cache and a slow load are `unavailable` with a time to retry",
        arguments: [CacheOverloaded(), CacheLoadTimedOut()] as [any Error])
    func caches(error: any Error) {
        let refusal = ServiceError(unavailable: error)
        #expect(refusal.code == .unavailable && !refusal.mayHaveHappened && refusal.retryAfterMilliseconds == 1_000)
    }
}
