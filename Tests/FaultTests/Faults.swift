import StackTesting
import TestSupport
import Testing

/// Tests that kill, stop and overload real processes, in sequence, on one stack with two instances per
/// service.
@Suite(.serialized, OwnStackTrait()) enum Faults {
    static let services = ["bff", "users", "chats", "idgen", "config", "messaging"]

    /// The clients of both bff instances.
    static var apis: [API] { get throws { [try stack.api(1), try stack.api(2)] } }

    static var stack: OwnStack {
        get throws {
            guard let stack = OwnStackTrait.current else { throw NotYet(description: "the stack of these tests was not started") }
            return stack
        }
    }
}

/// Starts the stack before the first test of the suite, and stops it after the last.
struct OwnStackTrait: SuiteTrait, TestScoping {
    @TaskLocal static var current: OwnStack?

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let instances = Dictionary(uniqueKeysWithValues: Faults.services.map { ($0, 2) })
        // A lease that expires during a test, and an edge that a test can overload.
        let settings = ["MARTLET_IDGEN_LEASE_SECONDS": "3", "MARTLET_HTTP_REQUESTS": "64"]
        try await OwnStack.with(environment: settings, instances: instances) { stack in
            try await Self.$current.withValue(stack) { try await function() }
        }
    }
}
