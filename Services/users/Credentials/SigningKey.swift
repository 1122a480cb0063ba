import Contracts
import Foundation
import JWTKit

/// An Ed25519 key that signs access tokens.
struct SigningKey: Sendable {
    let schedule: KeySchedule.Entry
    private let key: EdDSA.PrivateKey

    /// Creates a key with a random id.
    init(createdAt: Timestamp, signsFrom: Timestamp) throws {
        schedule = KeySchedule.Entry(id: Base64URL.encode(Sodium.random(12)), createdAt: createdAt, signsFrom: signsFrom)
        key = try EdDSA.PrivateKey(curve: .ed25519)
    }

    /// - Parameter privateKey: 32 bytes.
    init(schedule: KeySchedule.Entry, privateKey: [UInt8]) throws {
        self.schedule = schedule
        key = try EdDSA.PrivateKey(d: Base64URL.encode(privateKey), curve: .ed25519)
    }

    var id: String { schedule.id }
    var privateBytes: [UInt8] { Array(key.rawRepresentation) }

    var published: JSONWebKey {
        JSONWebKey(
            kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid: id,
            x: Base64URL.encode(Array(key.publicKey.rawRepresentation)))
    }

    func sign(_ token: AccessToken) async throws -> String {
        let signer = JWTKeyCollection()
        await signer.add(eddsa: key, kid: JWKIdentifier(string: id))
        return try await signer.sign(Payload(token: token), kid: JWKIdentifier(string: id))
    }

    private struct Payload: JWTPayload {
        let token: AccessToken
        init(token: AccessToken) { self.token = token }
        init(from decoder: any Decoder) throws { token = try AccessToken(from: decoder) }
        func encode(to encoder: any Encoder) throws { try token.encode(to: encoder) }
        func verify(using algorithm: some JWTAlgorithm) {}
    }
}

/// Encrypts private keys in the database with the deployment's secret, if it has one.
///
/// Each row says whether its key is sealed, so that a secret can be added later; earlier keys work until they
/// are rotated out.
struct KeySeal: Sendable {
    enum Failure: Error {
        /// The key is sealed with another secret than this process has.
        case cannotOpen(kid: String)
    }

    private let secret: [UInt8]?

    /// - Parameter passphrase: any text with enough entropy; `nil` stores keys unsealed.
    init(passphrase: String?) { secret = passphrase.map { Sodium.sha256(Array("martlet signing keys\u{0}\($0)".utf8)) } }

    var isSealing: Bool { secret != nil }

    func seal(_ key: SigningKey) -> [UInt8] {
        guard let secret else { return key.privateBytes }
        return Sodium.seal(key.privateBytes, context: Array(key.id.utf8), key: secret)
    }

    func open(_ stored: [UInt8], isSealed: Bool, schedule: KeySchedule.Entry) throws -> SigningKey {
        guard isSealed else { return try SigningKey(schedule: schedule, privateKey: stored) }
        guard let secret, let bytes = Sodium.open(stored, context: Array(schedule.id.utf8), key: secret) else {
            throw Failure.cannotOpen(kid: schedule.id)
        }
        return try SigningKey(schedule: schedule, privateKey: bytes)
    }
}
