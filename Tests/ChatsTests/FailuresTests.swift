import Cache
import Contracts
import Testing

@testable import Chats

@Suite("What callers are told of failures") struct FailuresTests {
    @Test(
        "a cache that is overloaded, or a load that takes too long, is `unavailable` with a hint when to come back",
        arguments: [CacheOverloaded(), CacheLoadTimedOut()] as [any Error])
    func caches(error: any Error) {
        let refusal = ServiceError(unavailable: error)
        #expect(refusal.code == .unavailable && !refusal.mayHaveHappened && refusal.retryAfterMilliseconds == 1_000)
    }
}
