import CSodium
import Contracts
import Foundation

/// The cost of one hash.
struct PasswordCost: Sendable, Equatable {
    /// Passes over the memory.
    var operations: Int = 2
    var memoryMiB: Int = 32

    /// Passes times KiB of memory, to compare two costs. A total order: during a change of settings,
    /// instances do not take turns at rehashing one password.
    fileprivate var work: Int { operations * memoryMiB << 10 }
}

/// An Argon2id hash in PHC string format, with its parameters and salt.
struct PasswordHash: RawRepresentable, Hashable, Sendable {
    let rawValue: String
}

extension PasswordHash {
    /// Passes times KiB of memory, read from `$argon2id$v=19$m=32768,t=2,p=1$…`.
    fileprivate var work: Int? {
        let parts = rawValue.split(separator: "$")
        guard parts.count > 2, parts[0] == "argon2id" else { return nil }
        let numbers = Dictionary(
            parts[2].split(separator: ",").map { ($0.prefix(2), Int($0.dropFirst(2))) }, uniquingKeysWith: { first, _ in first })
        guard let memory = numbers["m="] ?? nil, let passes = numbers["t="] ?? nil else { return nil }
        let (work, isTooLarge) = memory.multipliedReportingOverflow(by: passes)
        return isTooLarge ? nil : work
    }
}

/// Hashes and verifies passwords on the threads of the pool.
///
/// Passwords are hashed in Normalization Form C (RFC 8265): an é is the same as one scalar or as two.
struct PasswordHasher: Sendable {
    enum Verdict: Equatable, Sendable {
        case wrong
        case right
        /// Right, but the hash costs less than the configured cost.
        case rightWithOldCost
    }

    private let cost: PasswordCost
    private let pool: HashingPool
    /// The hash of a random password: verified when there is no account, so that the answer takes as long.
    private let decoy: PasswordHash

    init(cost: PasswordCost, pool: HashingPool) async throws {
        try Sodium.prepare()
        self.cost = cost
        self.pool = pool
        decoy = try await pool.run { try Self.hash(Sodium.random(32).map(CChar.init(bitPattern:)), cost) }
    }

    /// - Throws: `unavailable` when the pool is full or there is no memory; `CancellationError`.
    func hash(_ password: Password) async throws -> PasswordHash {
        let (bytes, cost) = (Self.bytes(of: password), cost)
        return try await pool.run { try Self.hash(bytes, cost) }
    }

    /// - Parameter hash: `nil` when there is no account: the verdict takes as long and is always `wrong`.
    /// - Throws: like ``hash(_:)``.
    func verify(_ password: Password, against hash: PasswordHash?) async throws -> Verdict {
        let (bytes, cost, stored) = (Self.bytes(of: password), cost, hash ?? decoy)
        let verdict = try await pool.run { Self.verify(bytes, against: stored, cost) }
        return hash == nil ? .wrong : verdict
    }

    private static func bytes(of password: Password) -> [CChar] {
        password.secret.composed.utf8.map(CChar.init(bitPattern:))
    }

    private static func hash(_ bytes: [CChar], _ cost: PasswordCost) throws -> PasswordHash {
        var text = [CChar](repeating: 0, count: Int(crypto_pwhash_argon2id_STRBYTES))
        let status = crypto_pwhash_str(&text, bytes, UInt64(bytes.count), UInt64(cost.operations), cost.memoryMiB << 20)
        guard status == 0 else {
            throw ServiceError(.unavailable, "the service is busy; retry in a moment", retryAfterMilliseconds: 1_000)
        }
        return PasswordHash(rawValue: String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    private static func verify(_ bytes: [CChar], against hash: PasswordHash, _ cost: PasswordCost) -> Verdict {
        // libsodium reads an array of this size.
        let room = Int(crypto_pwhash_argon2id_STRBYTES)
        var text = hash.rawValue.utf8.map(CChar.init(bitPattern:))
        guard text.count < room else { return .wrong }
        text += [CChar](repeating: 0, count: room - text.count)
        guard crypto_pwhash_str_verify(text, bytes, UInt64(bytes.count)) == 0 else { return .wrong }
        return (hash.work ?? 0) < cost.work ? .rightWithOldCost : .right
    }
}

extension String {
    /// The text in Normalization Form C.
    var composed: String { precomposedStringWithCanonicalMapping }
}
