import TestSupport

/// How long something took, and how much of that is the machine's, which may have other things to do.
///
/// What the design promises in milliseconds is judged by the rest: the time that a machine stands still says nothing about what ran on it.
struct Took: Sendable {
    let time: Duration
    let late: Duration

    /// What is judged.
    var own: Duration { max(.zero, time - late) }

    static func measuring<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> (Result, Took) {
        let start = ContinuousClock.now
        let (result, late) = try await Lateness.during(body)
        return (result, Took(time: .now - start, late: late))
    }
}

extension [Took] {
    var median: Duration { map(\.own).sorted()[count / 2] }
    var slowest: Duration { map(\.own).max() ?? .zero }
    var late: Duration { reduce(.zero) { $0 + $1.late } }
}
