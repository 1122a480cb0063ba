import Contracts
import Postgres

@testable import Bus
@testable import Chats

/// The transactions of one process on the schema `chats`: the two round trips of `SendStore`, each of which
/// can fail.
final class SendSession {
    typealias Outcome = Result<SendBatch.Decision, PostgresError>

    private let host: Host
    private let rows: ChatRows
    private let database: DatabaseLink
    private let committed: (OutboxEvent) -> Void
    private var open: Set<ChatRows.Transaction> = []

    init(_ host: Host, rows: ChatRows, database: DatabaseLink, committed: @escaping (OutboxEvent) -> Void) {
        self.host = host
        self.rows = rows
        self.database = database
        self.committed = committed
    }

    func begin() { open = [] }

    /// Aborts the open transactions after a crash. The server notices later and holds the locks until then.
    func connectionsClosed() {
        for transaction in open.sorted() { abortLater(transaction) }
        open = []
    }

    func commit(_ drafts: [Draft], ids: [MessageID], _ done: @escaping (Outcome) -> Void) {
        let transaction = rows.begin()
        open.insert(transaction)
        database.run({ answer in self.rows.read(drafts, in: transaction, answer) }) {
            (result: Result<SendBatch?, PostgresError>) in
            switch result {
            case .success(let batch?): self.commit(batch.decide(drafts, ids: ids), in: transaction, done)
            case .success(nil): self.fail(transaction, with: .lockTimeout, done)
            case .failure(var error):
                error.mayHaveHappened = false
                self.fail(transaction, with: error, done)
            }
        }
    }

    private func commit(_ decision: SendBatch.Decision, in transaction: ChatRows.Transaction, _ done: @escaping (Outcome) -> Void)
    {
        if decision.inserts.isEmpty {
            end(transaction)
            return done(.success(decision))
        }
        guard let event = try? OutboxEvent(MessagesSent(messages: decision.inserts.map(\.message))) else {
            return host.simulator.violated("an event cannot be encoded")
        }
        database.run({ self.rows.commit(decision, event, in: transaction) }) { result in
            switch result {
            case .success(true):
                self.open.remove(transaction)
                self.committed(event)
                done(.success(decision))
            case .success(false): self.fail(transaction, with: PostgresError(.connectionLost, "aborted"), done)
            case .failure(let error): self.fail(transaction, with: error, done)
            }
        }
    }

    /// Aborts the transaction. After a lost connection, the server notices later.
    private func fail(_ transaction: ChatRows.Transaction, with error: PostgresError, _ done: @escaping (Outcome) -> Void) {
        open.remove(transaction)
        if error.reason == .connectionLost { abortLater(transaction) } else { rows.abort(transaction) }
        done(.failure(error))
    }

    private func end(_ transaction: ChatRows.Transaction) {
        open.remove(transaction)
        rows.abort(transaction)
    }

    private func abortLater(_ transaction: ChatRows.Transaction) {
        host.simulator.after(host.simulator.between(0, 2_000)) { self.rows.abort(transaction) }
    }
}

extension PostgresError {
    fileprivate static let lockTimeout = PostgresError(.server, "locked", report: .lockNotAvailable)
}
