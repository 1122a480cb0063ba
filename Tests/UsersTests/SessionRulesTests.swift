import Contracts
import Testing

@testable import Users

@Suite("Session rules") struct SessionRulesTests {
    let now = Timestamp(millisecondsSinceEpoch: 1_800_000_000_000)
    let lifetimes = TokenLifetimes()

    @Test("the current token is renewed for thirty days, counted from now")
    func sliding() {
        let state = SessionState(expiresAt: now + .milliseconds(1))
        #expect(state.verdict(on: .current, lifetimes: lifetimes, at: now) == .renew(expiresAt: now + .seconds(2_592_000)))
    }

    @Test("a token used before ends the session; one never issued changes nothing")
    func replay() {
        let state = SessionState(expiresAt: now + .seconds(1))
        #expect(state.verdict(on: .earlier, lifetimes: lifetimes, at: now) == .replayed)
        #expect(state.verdict(on: .forged, lifetimes: lifetimes, at: now) == .refused)
    }

    @Test("an ended session renews nothing, to the millisecond")
    func over() {
        for state in [SessionState(expiresAt: now), SessionState(expiresAt: now + .seconds(9), revokedAt: now)] {
            #expect(!state.isLive(at: now))
            #expect(state.verdict(on: .current, lifetimes: lifetimes, at: now) == .refused)
            #expect(state.verdict(on: .earlier, lifetimes: lifetimes, at: now) == .refused)
        }
    }

    @Test("revocations are listed for one access token lifetime and a minute")
    func window() {
        let early = RevocationWindow(since: Timestamp(millisecondsSinceEpoch: 0), now: now)
        #expect(early.start == now - .seconds(960))
        let late = RevocationWindow(since: now - .seconds(10), now: now)
        #expect(late.start == now - .seconds(70))
    }
}
