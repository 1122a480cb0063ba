import Contracts
import Foundation
import JWTKit
import Testing

@testable import Users

@Suite("Signing key") struct SigningKeyTests {
    let now = Timestamp(millisecondsSinceEpoch: 1_800_000_000_999)

    private func token() -> AccessToken {
        AccessToken(
            sub: UserID(rawValue: 7), sid: SessionID(rawValue: 8), name: "mia", roles: [.admin], iat: now.secondsSinceEpoch,
            exp: now.secondsSinceEpoch + 900)
    }

    @Test("signs tokens that its published key verifies, under its id")
    func signs() async throws {
        let key = try SigningKey(createdAt: now, signsFrom: now)
        let jwt = try await key.sign(token())
        // Verifies like an edge: with the published JSON and the claims alone.
        let edge = JWTKeyCollection()
        try await edge.add(
            jwksJSON: String(decoding: JSONEncoder().encode(GetKeys.Response(keys: [key.published])), as: UTF8.self))
        let parts = jwt.split(separator: ".").map(String.init)
        #expect(parts.count == 3)
        #expect(try Self.json(parts[0]) == ["alg": "EdDSA", "kid": key.id, "typ": "JWT"])
        let verifier = try await edge.getKey(for: JWKIdentifier(string: key.id))
        let signature = try #require(Base64URL.decode(parts[2], count: 64))
        #expect(try verifier.verify(signature, signs: Array("\(parts[0]).\(parts[1])".utf8)))
        #expect(try !verifier.verify(signature, signs: Array("\(parts[0]).\(parts[1])x".utf8)))
    }

    @Test("tokens carry the claims that edges expect, in their types")
    func claims() async throws {
        let jwt = try await SigningKey(createdAt: now, signsFrom: now).sign(token())
        let payload = try #require(jwt.split(separator: ".").dropFirst().first)
        let data = try #require(Self.data(String(payload)))
        let claims = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(Set(claims.keys) == ["iss", "aud", "sub", "sid", "name", "roles", "iat", "exp"])
        #expect(claims["sub"] as? String == "7")
        #expect(claims["roles"] as? [String] == ["admin"])
        #expect(claims["exp"] as? Int == 1_800_000_900)
        #expect(try JSONDecoder().decode(AccessToken.self, from: data) == token())
    }

    @Test("is sealed at rest under the secret and its own id")
    func seal() throws {
        let key = try SigningKey(createdAt: now, signsFrom: now)
        let seal = KeySeal(passphrase: "a long secret of the deployment")
        let stored = seal.seal(key)
        #expect(!stored.indices.contains { stored[$0...].starts(with: key.privateBytes) })
        #expect(try seal.open(stored, isSealed: true, schedule: key.schedule).published == key.published)
        #expect(throws: KeySeal.Failure.self) {
            try KeySeal(passphrase: "another").open(stored, isSealed: true, schedule: key.schedule)
        }
        #expect(throws: KeySeal.Failure.self) {
            try KeySeal(passphrase: nil).open(stored, isSealed: true, schedule: key.schedule)
        }
        let renamed = KeySchedule.Entry(id: "other", createdAt: now, signsFrom: now)
        #expect(throws: KeySeal.Failure.self) { try seal.open(stored, isSealed: true, schedule: renamed) }
        #expect(throws: KeySeal.Failure.self) { try seal.open(Array(stored.prefix(10)), isSealed: true, schedule: key.schedule) }
    }

    @Test("is unsealed without a secret, and still opens after a secret was added")
    func plain() throws {
        let key = try SigningKey(createdAt: now, signsFrom: now)
        let stored = KeySeal(passphrase: nil).seal(key)
        #expect(
            try KeySeal(passphrase: "given later").open(stored, isSealed: false, schedule: key.schedule).published
                == key.published)
    }

    private static func data(_ part: String) -> Data? {
        let text = part.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: text + String(repeating: "=", count: (4 - text.count % 4) % 4))
    }

    private static func json(_ part: String) throws -> [String: String]? {
        try data(part).flatMap { try JSONSerialization.jsonObject(with: $0) as? [String: String] }
    }
}
