import Foundation
import ServiceKit

/// The settings that only users has.
struct UsersSettings: Sendable {
    private static let operations = Setting<Int>.whole(
        "users.password.operations", in: 1...20, default: PasswordCost().operations, "Argon2id passes over the memory of a hash")
    private static let memory = Setting<Int>.whole(
        "users.password.memory", in: 8...1_024, default: PasswordCost().memoryMiB, "memory of one password hash, MiB")
    private static let threads = Setting<Int>.whole(
        "users.password.threads", in: 1...64, default: max(1, ProcessInfo.processInfo.activeProcessorCount / 2),
        "passwords hashed at the same time, each with its own memory")
    private static let queue = Setting<Int>.whole(
        "users.password.queue", in: 0...10_000, default: 64, "passwords that may wait to be hashed; further ones are refused")
    private static let signingSecret = Setting<Secret>.secret(
        "users.signing.secret", "encrypts the signing keys in the database; the same for all instances")
    private static let rotation = Setting<Int>.whole(
        "users.signing.days", in: 1...3_650, default: 30, "age at which a signing key gets a successor, days")

    static let all = [
        operations.description, memory.description, threads.description, queue.description, signingSecret.description,
        rotation.description,
    ]

    let passwordCost: PasswordCost
    let passwordThreads: Int
    let passwordQueue: Int
    /// `nil`: keys are stored unsealed.
    let signingSecret: Secret?
    let keySchedule: KeySchedule

    init(_ settings: Settings) throws {
        passwordCost = PasswordCost(
            operations: try settings.value(Self.operations), memoryMiB: try settings.value(Self.memory))
        passwordThreads = try settings.value(Self.threads)
        passwordQueue = try settings.value(Self.queue)
        signingSecret = try settings.optional(Self.signingSecret)
        keySchedule = KeySchedule(period: .seconds(86_400 * (try settings.value(Self.rotation))))
    }
}
