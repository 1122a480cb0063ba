import Contracts
import Postgres

@testable import Bus
@testable import Chats

/// A process's transactions on the schema `chats`: the two flights of `SendStore`, either of which may break off.
final class SendSession {
    typealias Outcome = Result<SendBatch.Decision, PostgresError>

    private let host: Host
    private let rows: ChatRows
    private let wire: Wire
    private let committed: (OutboxEvent) -> Void
    private var open: Set<ChatRows.Transaction> = []

    init(_ host: Host, _ rows: ChatRows, _ wire: Wire, committed: @escaping (OutboxEvent) -> Void) {
        (self.host, self.rows, self.wire, self.committed) = (host, rows, wire, committed)
    }

    func begin() { open = [] }

    /// The process is gone: the server finds out sooner or later, and until then the locks are held.
    func gone() {
        for transaction in open.sorted() { abortLater(transaction) }
        open = []
    }

    func commit(_ drafts: [Draft], _ ids: [MessageID], _ done: @escaping (Outcome) -> Void) {
        let transaction = rows.begin()
        open.insert(transaction)
        wire.ask({ answer in self.rows.read(drafts, in: transaction, answer) }) { (result: Result<SendBatch?, PostgresError>) in
            switch result {
            case .success(let facts?): self.commit(facts.decide(drafts, ids: ids), in: transaction, done)
            case .success(nil): self.giveUp(transaction, .lockTimeout, done)
            case .failure(var error):
                error.mayHaveHappened = false
                self.giveUp(transaction, error, done)
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
            return host.simulator.violated("a fact cannot be written")
        }
        wire.ask({ self.rows.commit(decision, event, in: transaction) }) { result in
            switch result {
            case .success(true):
                self.open.remove(transaction)
                self.committed(event)
                done(.success(decision))
            case .success(false): self.giveUp(transaction, PostgresError(.connectionLost, "it was ended"), done)
            case .failure(let error): self.giveUp(transaction, error, done)
            }
        }
    }

    /// The server hears of a connection that went when it hears of it.
    private func giveUp(_ transaction: ChatRows.Transaction, _ error: PostgresError, _ done: @escaping (Outcome) -> Void) {
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
