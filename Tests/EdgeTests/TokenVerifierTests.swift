import BusTesting
import Contracts
import Foundation
import JWTKit
import Logging
import Synchronization
import Testing

@testable import Edge

@Suite("Verifying access tokens") struct TokenVerifierTests {
    private let edge = Fixture()

    @Test("a valid token has a caller, and is checked once")
    func good() async throws {
        let caller = try await edge.verify(try await edge.token())
        #expect(caller == Caller(userID: UserID(rawValue: 7), sessionID: SessionID(rawValue: 9), roles: [.admin]))
        #expect(try await edge.verify(try await edge.token()) == caller)
        #expect(edge.bus.asked(GetKeys.self).count == 1)
    }

    @Test("an expired token is rejected, a cached one too")
    func expired() async throws {
        let token = try await edge.token(exp: 1_000)
        edge.time.withLock { $0 = 999 }
        _ = try await edge.verify(token)
        edge.time.withLock { $0 = 1_000 }
        await #expect(throws: Unauthorized.self) { try await edge.verify(token) }
    }

    @Test("a token of another issuer or audience is rejected")
    func meantForOthers() async throws {
        for token in [try await edge.token(iss: "other"), try await edge.token(aud: "other")] {
            await #expect(throws: Unauthorized.self) { try await edge.verify(token) }
        }
    }

    @Test("tokens with an unknown key name, or none, are rejected, and cause one reload of the keys")
    func unknownKey() async throws {
        _ = try await edge.verify(try await edge.token())
        for _ in 0..<20 {
            let stranger = try await edge.token(kid: "stranger")
            await #expect(throws: Unauthorized.self) { try await edge.verify(stranger) }
        }
        let nameless = try await edge.token(kid: nil)
        await #expect(throws: Unauthorized.self) { try await edge.verify(nameless) }
        #expect(edge.bus.asked(GetKeys.self).count == 1)
    }

    @Test("tokens of a new key that arrive together wait for the same reload")
    func newKey() async throws {
        let (asked, answer) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        let published = try await edge.bus.call(GetKeys())
        edge.bus.answer(GetKeys.self) { _ in
            asked.continuation.yield()
            for await _ in answer.stream {}
            return published
        }
        let token = try await edge.token()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await edge.verify(token) }
            for await _ in asked.stream { break }
            group.addTask { _ = try await edge.verify(token) }
            group.addTask { answer.continuation.finish() }
            try await group.waitForAll()
        }
    }

    @Test("a token with a known key name and the signature of another key is rejected")
    func forged() async throws {
        let forger = try EdDSA.PrivateKey(curve: .ed25519)
        let forged = try await edge.token(signedBy: forger)
        await #expect(throws: Unauthorized.self) { try await edge.verify(forged) }
    }

    @Test("other algorithms are rejected", arguments: ["none", "HS256"])
    func algorithms(name: String) async throws {
        let parts = try await edge.token().split(separator: ".")
        let header = Data(#"{"alg":"\#(name)","kid":"k1","typ":"JWT"}"#.utf8).base64EncodedString().replacing("=", with: "")
        for signature in ["", String(parts[2])] {
            await #expect(throws: Unauthorized.self) { try await edge.verify("\(header).\(parts[1]).\(signature)") }
        }
    }

    @Test(
        "a text that is not a token is rejected",
        arguments: ["", " ", "a.b.c", "a.b", "....", String(repeating: "x", count: 5_000)])
    func noise(token: String) async { await #expect(throws: Unauthorized.self) { try await edge.verify(token) } }

    @Test("a reload for an unknown key joins the one under way: an older answer never replaces a newer one")
    func oneReloadAtATime() async throws {
        let (calls, called) = AsyncStream.makeStream(of: Void.self)
        let (release, releasing) = AsyncStream.makeStream(of: Void.self)
        let published = try await edge.bus.call(GetKeys())
        edge.bus.answer(GetKeys.self) { _ in
            called.yield()
            for await _ in release {}
            return published
        }
        let token = try await edge.token()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let service = Task { try await edge.keys.run() }
            for await _ in calls { break }
            group.addTask { _ = try await edge.verify(token) }
            group.addTask { _ = try await edge.verify(token) }
            group.addTask { releasing.finish() }
            try await group.waitForAll()
            service.cancel()
        }
        // One call of this test, and the reload of the service.
        #expect(edge.bus.asked(GetKeys.self).count == 2)
    }

    @Test("a token is known by its bytes: a canonically equivalent text is another token")
    func equivalentText() async throws {
        var token = try await edge.token()
        // Every expiry has another signature; one of these tokens has a K.
        for exp in 2_000..<2_200 where !token.contains("K") { token = try await edge.token(exp: exp) }
        #expect(token.contains("K"))
        _ = try await edge.verify(token)
        let equivalent = token.replacing("K", with: "\u{212A}")
        #expect(equivalent == token)
        await #expect(throws: Unauthorized.self) { try await edge.verify(equivalent) }
    }

    @Test(
        "the scheme may have any case, and needs a space",
        arguments: [
            ("Bearer x", true), ("bearer x", true), ("BEARER x", true), ("Bearer", false), ("Bearerx", false),
            ("Basic x", false), ("", false),
        ])
    func scheme(header: String, isBearer: Bool) {
        #expect((TokenBytes(bearerIn: header) != nil) == isBearer)
        if isBearer { #expect(TokenBytes(bearerIn: header)?.bytes == Array("x".utf8)) }
    }

    @Test("without any key a token is unavailable, never rejected")
    func noKeys() async throws {
        let edge = Fixture(hasKeys: false)
        let token = try await edge.token()
        await #expect(throws: Unavailable.self) { try await edge.verify(token) }
    }

    @Test("known keys stay in use while users is unavailable")
    func usersAway() async throws {
        _ = try await edge.verify(try await edge.token())
        edge.bus.answer(GetKeys.self) { _ in throw ServiceError(.unavailable, "away") }
        _ = try await edge.verify(try await edge.token(exp: 5_000))
    }

    @Test("a token of a revoked session is rejected at once, a cached one too")
    func revoked() async throws {
        let token = try await edge.token()
        _ = try await edge.verify(token)
        edge.revocations.revoke([SessionID(rawValue: 9)])
        await #expect(throws: Unauthorized.self) { try await edge.verify(token) }
    }
}

private struct Unauthorized: Error {}
private struct Unavailable: Error {}

/// A verifier with one key, `k1`, at second 500.
private struct Fixture {
    let bus = StubBus()
    let revocations = Revocations()
    let time = Moment()
    let keys: KeySet
    private let key: EdDSA.PrivateKey
    private let verifier: TokenVerifier

    final class Moment: Sendable {
        private let seconds = Mutex(500)
        func withLock<R>(_ body: (inout Int) -> R) -> R { seconds.withLock { body(&$0) } }
    }

    init(hasKeys: Bool = true) {
        // Fails only if the system has no randomness.
        guard let key = try? EdDSA.PrivateKey(curve: .ed25519) else { preconditionFailure("no randomness") }
        self.key = key
        let x = key.publicKey.rawRepresentation.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
        let published = JSONWebKey(kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid: "k1", x: x)
        if hasKeys { bus.answer(GetKeys.self) { _ in GetKeys.Response(keys: [published]) } }
        keys = KeySet(bus: bus, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        revocations.caughtUp(losses: 0)
        verifier = TokenVerifier(keys: keys, revocations: revocations) { [time] in time.withLock { $0 } }
    }

    func verify(_ token: String) async throws -> Caller {
        do { return try await verifier.verify("Bearer \(token)") } catch let error as TokenError {
            switch error {
            case .rejected: throw Unauthorized()
            case .unavailable: throw Unavailable()
            }
        }
    }

    func token(
        iss: String = AccessToken.issuer, aud: String = AccessToken.audience, exp: Int = 1_400, kid: String? = "k1",
        signedBy: EdDSA.PrivateKey? = nil
    ) async throws -> String {
        let claims = AccessToken(
            iss: iss, aud: aud, sub: UserID(rawValue: 7), sid: SessionID(rawValue: 9), name: "ada", roles: [.admin], iat: 500,
            exp: exp)
        let signer = JWTKeyCollection()
        await signer.add(eddsa: signedBy ?? key)
        return try await signer.sign(Payload(token: claims), kid: kid.map { JWKIdentifier(string: $0) })
    }

    private struct Payload: JWTPayload {
        let token: AccessToken
        init(token: AccessToken) { self.token = token }
        init(from decoder: any Decoder) throws { token = try AccessToken(from: decoder) }
        func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
        func verify(using algorithm: some JWTAlgorithm) {}
    }
}

@Suite("Revocations") struct RevocationsTests {
    private let session = SessionID(rawValue: 1)

    @Test("before the first list the state of sessions is unknown; then they are live until revoked")
    func start() {
        let revocations = Revocations()
        #expect(revocations.verdict(on: session) == .unknown && !revocations.areFresh)
        revocations.revoke([session])
        revocations.caughtUp(losses: 0)
        #expect(revocations.areFresh)
        #expect(revocations.verdict(on: session) == .revoked)
        #expect(revocations.verdict(on: SessionID(rawValue: 2)) == .live)
    }

    @Test("after a loss of the feed, sessions count as live for ten seconds, and again once it has caught up")
    func lost() {
        let clock = Clock()
        let revocations = Revocations { clock.now }
        revocations.caughtUp(losses: 0)
        revocations.lost()
        clock.advance(.seconds(10))
        #expect(revocations.verdict(on: session) == .live && revocations.areFresh)
        clock.advance(.milliseconds(1))
        #expect(revocations.verdict(on: session) == .unknown && !revocations.areFresh)
        revocations.revoke([session])
        revocations.caughtUp(losses: revocations.losses)
        #expect(revocations.verdict(on: session) == .revoked)
    }

    @Test("a list that was fetched before the feed was lost again is incomplete")
    func lostAgain() {
        let clock = Clock()
        let revocations = Revocations { clock.now }
        let losses = revocations.losses
        revocations.lost()
        #expect(!revocations.caughtUp(losses: losses))
        #expect(revocations.verdict(on: session) == .unknown)
    }

    @Test("a revocation is kept for the lifetime of a token")
    func memory() {
        let clock = Clock()
        let revocations = Revocations { clock.now }
        revocations.revoke([session])
        revocations.caughtUp(losses: 0)
        clock.advance(AccessToken.lifetime)
        #expect(revocations.verdict(on: session) == .revoked)
        clock.advance(.seconds(61))
        #expect(revocations.verdict(on: session) == .live)
    }

    private final class Clock: Sendable {
        private let time = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func advance(_ duration: Duration) { time.withLock { $0 += duration } }
    }
}
