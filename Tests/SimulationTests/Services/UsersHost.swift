import Contracts
import Postgres

@testable import Bus
@testable import Users

/// A process of users, as far as blocks and connections go.
final class UsersHost: Host {
    private let rows: UserRows
    private var answerer: Answerer?
    private var publisher: Publisher?
    private var wire: Wire?

    init(_ name: String, _ simulator: Simulator, _ broker: Broker, _ rows: UserRows, _ wire: (Host) -> Wire) {
        self.rows = rows
        super.init(name, simulator)
        let wire = wire(self)
        (self.wire, publisher) = (wire, Publisher(self, rows.outbox, broker, wire))
        let answerer = Answerer(.users, on: self, broker)
        answerer.serve(SetBlock.self) { [unowned self] in setBlock($0, $2) }
        answerer.serve(ChangeContact.self) { [unowned self] in change($0, $2) }
        self.answerer = answerer
    }

    override func begin() {
        answerer?.begin()
        publisher?.begin()
    }

    private func setBlock(_ request: SetBlock, _ done: @escaping (Result<EmptyResponse, ServiceError>) -> Void) {
        guard let pair = UserPair(request.userID, request.otherID) else { return }
        transaction(done, EmptyResponse()) { [rows] in
            try rows.change(pair) { relationship, rev in
                relationship.setBlock(request.blocked, by: request.userID, in: pair, rev: rev)
            }
        }
    }

    private func change(
        _ request: ChangeContact, _ done: @escaping (Result<ChangeContact.Response, ServiceError>) -> Void
    ) {
        guard let pair = UserPair(request.userID, request.otherID) else { return }
        let side = pair.side(of: request.userID)
        transaction(done, ChangeContact.Response(contact: nil)) { [rows] in
            try rows.change(pair) { relationship, rev throws(RelationshipError) in
                try relationship.apply(request.step, by: side)
                return [
                    ContactChanged(
                        userID: request.userID, otherID: request.otherID, step: request.step,
                        status: relationship.status(for: side),
                        rev: rev)
                ]
            }
        }
    }

    private func transaction<Response>(
        _ done: @escaping (Result<Response, ServiceError>) -> Void, _ response: Response,
        _ body: @escaping () throws -> [OutboxEvent]
    ) {
        wire?.ask({ Result { try body() } }) { (result: Result<Result<[OutboxEvent], any Error>, PostgresError>) in
            switch result {
            case .success(.success(let events)):
                self.publisher?.committed(events)
                done(.success(response))
            case .success(.failure(let refusal)):
                done(.failure((refusal as? RelationshipError)?.serviceError ?? ServiceError(.internal, "\(refusal)")))
            case .failure: done(.failure(ServiceError(.unknownOutcome, "the database went away before it answered")))
            }
        }
    }
}
