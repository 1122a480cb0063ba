import Foundation
import ServiceKit

/// What can be set of users alone.
struct UsersSettings: Sendable {
    private static let operations = Setting<Int>.whole(
        "users.password.operations", in: 1...20, default: PasswordCost().operations, "passes over the memory of a password's hash"
    )
    private static let memory = Setting<Int>.whole(
        "users.password.memory", in: 8...1_024, default: PasswordCost().memoryMiB, "memory of a password's hash, MiB")
    private static let threads = Setting<Int>.whole(
        "users.password.threads", in: 1...64, default: max(1, ProcessInfo.processInfo.activeProcessorCount / 2),
        "passwords hashed at one time, each with its memory")
    private static let queue = Setting<Int>.whole(
        "users.password.queue", in: 0...10_000, default: 64, "passwords that wait to be hashed; more are refused")
    private static let signingSecret = Setting<Secret>.secret(
        "users.signing.secret", "seals the keys that sign access tokens in the database; the same for all instances")
    private static let rotation = Setting<Int>.whole(
        "users.signing.days", in: 1...3_650, default: 30, "age at which a signing key gets a successor, days")

    static let all = [
        operations.description, memory.description, threads.description, queue.description, signingSecret.description,
        rotation.description,
    ]

    let passwordCost: PasswordCost
    let passwordThreads: Int
    let passwordQueue: Int
    /// `nil`: keys lie unsealed in the database.
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
