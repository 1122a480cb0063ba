import StackTesting

/// An answer, and how long it took to come.
struct Timed: Sendable {
    let answer: API.Answer
    let took: Took

    init(isolation: isolated (any Actor)? = #isolation, _ ask: () async throws -> API.Answer) async throws {
        (answer, took) = try await Took.measuring(ask)
    }

    /// 503 that says when to come again.
    var isRefusal: Bool { answer.status == 503 && Int(answer.header("Retry-After") ?? "") ?? 0 >= 1 }
}

extension [Timed] {
    var median: Duration { map(\.took).median }
    var slowest: Duration { map(\.took).slowest }
    /// What is not a refusal, for people.
    var others: [String] { filter { !$0.isRefusal }.map { "\($0.answer.status) \($0.answer.text("detail"))" } }
    var summary: String {
        "\(count) answers, median \(Report.text(median)), slowest \(Report.text(slowest)), the machine late by \(Report.text(map(\.took).late))"
    }
}
