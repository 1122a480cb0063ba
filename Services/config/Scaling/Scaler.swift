/// Adds and removes instances.
protocol Scaler: Sendable {
    /// How many there are to be by now; `nil` when only whoever asked for them knows.
    func wanted() async throws -> Int?
    /// Asks for so many; they come and go later.
    func scale(to count: Int) async throws
}

/// Why instances could not be added or removed. For people; holds no secret.
struct ScalerError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
