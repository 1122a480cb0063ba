import StackTesting
import TestSupport

/// The time of an operation, and the delay that the machine caused by running other processes.
///
/// Promises in milliseconds are judged without that delay.
struct MeasuredTime: Sendable {
    let time: Duration
    let late: Duration

    /// The time without the machine's delay.
    var own: Duration { max(.zero, time - late) }

    static func measuring<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async rethrows -> (Result, MeasuredTime) {
        let start = ContinuousClock.now
        let (result, late) = try await Lateness.during(body)
        return (result, MeasuredTime(time: .now - start, late: late))
    }
}

extension [MeasuredTime] {
    var median: Duration { map(\.own).sorted()[count / 2] }
    var slowest: Duration { map(\.own).max() ?? .zero }
    var late: Duration { reduce(.zero) { $0 + $1.late } }
}

/// A response and the time it took.
struct TimedResponse: Sendable {
    let answer: API.Response
    let time: MeasuredTime

    init(isolation: isolated (any Actor)? = #isolation, _ ask: () async throws -> API.Response) async throws {
        let measured = try await MeasuredTime.measuring(ask)
        answer = measured.0
        time = measured.1
    }

    /// Whether the response is a 503 with `Retry-After`.
    var isRefusal: Bool { answer.status == 503 && Int(answer.header("Retry-After") ?? "") ?? 0 >= 1 }
}

extension [TimedResponse] {
    var median: Duration { map(\.time).median }
    var slowest: Duration { map(\.time).slowest }
    /// The other responses, for messages.
    var others: [String] { filter { !$0.isRefusal }.map { "\($0.answer.status) \($0.answer.text("detail"))" } }
    var summary: String {
        "\(count) answers, median \(Report.text(median)), slowest \(Report.text(slowest)), the machine late by \(Report.text(map(\.time).late))"
    }
}
