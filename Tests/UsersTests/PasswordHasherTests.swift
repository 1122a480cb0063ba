import Contracts
import Testing

@testable import Users

@Suite("Password hasher") struct PasswordHasherTests {
    let pool = HashingPool(threads: 2, queueLimit: 100, patience: .seconds(120))
    let cheap = PasswordCost(operations: 1, memoryMiB: 8)

    @Test("creates a new Argon2id PHC string with its parameters each time")
    func format() async throws {
        let hasher = try await PasswordHasher(cost: cheap, pool: pool)
        let password = try Password(new: "correct horse")
        let (one, other) = (try await hasher.hash(password), try await hasher.hash(password))
        #expect(one.rawValue.hasPrefix("$argon2id$v=19$m=8192,t=1,p=1$"))
        #expect(one != other)
    }

    @Test("tells the right password from a wrong one, to the last of 256 characters")
    func verify() async throws {
        let hasher = try await PasswordHasher(cost: cheap, pool: pool)
        let long = String(repeating: "pä", count: 128)
        let hash = try await hasher.hash(try Password(new: long))
        #expect(try await hasher.verify(try Password(attempt: long), against: hash) == .right)
        #expect(try await hasher.verify(try Password(attempt: long.dropLast() + "a"), against: hash) == .wrong)
        #expect(try await hasher.verify(try Password(attempt: "x"), against: hash) == .wrong)
    }

    @Test("without an account the work is the same and the verdict is wrong")
    func withoutAccount() async throws {
        let hasher = try await PasswordHasher(cost: cheap, pool: pool)
        #expect(try await hasher.verify(try Password(attempt: "correct horse"), against: nil) == .wrong)
    }

    @Test("recognises a hash with a lower cost, so that it can be replaced")
    func oldCost() async throws {
        let (before, now) = (try await PasswordHasher(cost: cheap, pool: pool), PasswordCost(operations: 2, memoryMiB: 8))
        let password = try Password(new: "correct horse")
        let hash = try await before.hash(password)
        let hasher = try await PasswordHasher(cost: now, pool: pool)
        #expect(try await hasher.verify(password, against: hash) == .rightWithOldCost)
        #expect(try await hasher.verify(try Password(attempt: "wrong horse"), against: hash) == .wrong)
    }

    @Test("a hash that costs more than configured is kept, so that instances with different settings do not rehash in turns")
    func higherCost() async throws {
        let before = try await PasswordHasher(cost: PasswordCost(operations: 2, memoryMiB: 16), pool: pool)
        let password = try Password(new: "correct horse")
        let hash = try await before.hash(password)
        for (cost, verdict) in [
            (PasswordCost(operations: 1, memoryMiB: 16), .right), (PasswordCost(operations: 4, memoryMiB: 8), .right),
            (PasswordCost(operations: 5, memoryMiB: 8), .rightWithOldCost),
        ] as [(PasswordCost, PasswordHasher.Verdict)] {
            #expect(try await PasswordHasher(cost: cost, pool: pool).verify(password, against: hash) == verdict)
        }
    }

    @Test("treats composed and decomposed letters as equal")
    func normalization() async throws {
        let hasher = try await PasswordHasher(cost: cheap, pool: pool)
        let hash = try await hasher.hash(try Password(new: "caf\u{E9} au lait"))
        #expect(try await hasher.verify(try Password(attempt: "cafe\u{301} au lait"), against: hash) == .right)
        // Compatibility forms differ: the ligature is not f and i.
        let ligature = try await hasher.hash(try Password(new: "\u{FB01}ne weather"))
        #expect(try await hasher.verify(try Password(attempt: "fine weather"), against: ligature) == .wrong)
    }

    @Test(
        "a text that is no hash is never right", arguments: ["", "plain", "$argon2id$", "$2b$10$abcdefghijklmnopqrstuv", "\u{0}"])
    func noHash(text: String) async throws {
        let hasher = try await PasswordHasher(cost: cheap, pool: pool)
        #expect(try await hasher.verify(try Password(attempt: "correct horse"), against: PasswordHash(rawValue: text)) == .wrong)
    }
}
