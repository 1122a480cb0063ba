import Postgres

/// The way to a database and back. What has arrived there is done, whatever becomes of whoever asked.
struct Wire {
    let host: Host
    let weather: () -> Weather
    /// Nobody can reach the database now.
    let isAway: () -> Bool

    /// - Parameters:
    ///   - work: is done there, at once, and says what came of it.
    ///   - done: is told here. `connectionLost`: before or after the work; `mayHaveHappened` as for a commit.
    func ask<Answer>(_ work: @escaping () -> Answer, _ done: @escaping (Result<Answer, PostgresError>) -> Void) {
        ask({ answer in answer(work()) }, done)
    }

    /// The same for what takes its time there.
    func ask<Answer>(
        _ work: @escaping (_ answer: @escaping (Answer) -> Void) -> Void,
        _ done: @escaping (Result<Answer, PostgresError>) -> Void
    ) {
        let simulator = host.simulator
        if isAway() { return host.after(0) { done(.failure(PostgresError(.unavailable, "no connection"))) } }
        let lost = PostgresError(.connectionLost, "the connection went", mayHaveHappened: true)
        if simulator.happens(weather().breakOff) { return host.after(delay) { done(.failure(lost)) } }
        let (life, answerIsLost) = (host.life, simulator.happens(weather().breakOff))
        simulator.after(delay) {
            work { answer in
                guard host.life == life else { return }
                host.after(delay) { done(answerIsLost ? .failure(lost) : .success(answer)) }
            }
        }
    }

    private var delay: Int64 {
        host.simulator.happens(weather().slow) ? host.simulator.between(50, 700) : host.simulator.between(0, 3)
    }
}
