/// Sets the number of instances of `messaging`.
protocol Scaler: Sendable {
    /// Returns the number of instances that was last requested; `nil` when the scaler does not store it.
    func desiredCount() async throws -> Int?
    /// Requests a number of instances. They start and stop later.
    func scale(to count: Int) async throws
}

/// The reason why scaling failed. It contains no secrets.
struct ScalerError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Runs `work`, cancels it after `limit`, and returns once it has ended.
///
/// - Throws: ``ScalerError`` at the limit; the errors of `work`; `CancellationError`.
func withTimeLimit<Result: Sendable>(
    _ limit: Duration, of name: String, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() ?? nil else { throw ScalerError("\(name) did not finish within \(limit)") }
        return result
    }
}
