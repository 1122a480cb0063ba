@testable import Postgres

/// The connection of a process to a database. Work that has arrived there is executed even if the process has
/// died since.
struct DatabaseLink {
    let host: Host
    let faults: () -> FaultProfile
    /// Whether the database is unreachable now.
    let isAway: () -> Bool

    /// Runs work in the database.
    ///
    /// - Parameters:
    ///   - work: runs there at once and returns the answer.
    ///   - done: receives the answer here. `connectionLost`: before or after the work; `mayHaveHappened` as
    ///     for a commit.
    func run<Answer>(_ work: @escaping () -> Answer, _ done: @escaping (Result<Answer, PostgresError>) -> Void) {
        run({ answer in answer(work()) }, done)
    }

    /// Runs work in the database that answers later.
    func run<Answer>(
        _ work: @escaping (_ answer: @escaping (Answer) -> Void) -> Void,
        _ done: @escaping (Result<Answer, PostgresError>) -> Void
    ) {
        let simulator = host.simulator
        if isAway() { return host.after(0) { done(.failure(PostgresError(.unavailable, "no connection"))) } }
        let lost = PostgresError(.connectionLost, "the connection was lost", mayHaveHappened: true)
        if simulator.happens(faults().disconnect) { return host.after(delay) { done(.failure(lost)) } }
        let (life, answerIsLost) = (host.life, simulator.happens(faults().disconnect))
        simulator.after(delay) {
            work { answer in
                guard host.life == life else { return }
                host.after(delay) { done(answerIsLost ? .failure(lost) : .success(answer)) }
            }
        }
    }

    private var delay: Int64 {
        host.simulator.happens(faults().slow) ? host.simulator.between(50, 700) : host.simulator.between(0, 3)
    }
}

extension ServerReport {
    /// The report of Postgres after a lock timeout.
    static let lockNotAvailable = ServerReport(
        sqlState: .lockNotAvailable, severity: "ERROR", message: "canceling statement due to lock timeout", detail: nil,
        hint: nil, schema: nil, table: nil, column: nil, constraint: nil, position: nil)
}
