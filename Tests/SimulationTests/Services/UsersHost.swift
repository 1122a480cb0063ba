import Contracts
import Postgres

@testable import Bus
@testable import Users

/// The part of a users process that handles blocks and contacts.
final class UsersHost: Host {
    private let rows: UserRows
    private var rpcServer: RPCServer?
    private var publisher: Publisher?
    private var database: DatabaseLink?

    init(
        _ name: String, _ simulator: Simulator, broker: Broker, rows: UserRows, database: (Host) -> DatabaseLink
    ) {
        self.rows = rows
        super.init(name, simulator)
        let database = database(self)
        self.database = database
        publisher = Publisher(self, rows: rows.outbox, broker: broker, database: database)
        let rpcServer = RPCServer(.users, on: self, broker)
        rpcServer.serve(SetBlock.self) { [unowned self] in setBlock($0, $2) }
        rpcServer.serve(ChangeContact.self) { [unowned self] in change($0, $2) }
        self.rpcServer = rpcServer
    }

    override func begin() {
        rpcServer?.begin()
        publisher?.begin()
    }

    private func setBlock(_ request: SetBlock, _ done: @escaping (Result<EmptyResponse, ServiceError>) -> Void) {
        guard let pair = UserPair(request.userID, request.otherID) else { return }
        transaction(done, response: EmptyResponse()) { [rows] in
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
        transaction(done, response: ChangeContact.Response(contact: nil)) { [rows] in
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
        _ done: @escaping (Result<Response, ServiceError>) -> Void, response: Response,
        _ body: @escaping () throws -> [OutboxEvent]
    ) {
        database?.run({ Result { try body() } }) { (result: Result<Result<[OutboxEvent], any Error>, PostgresError>) in
            switch result {
            case .success(.success(let events)):
                self.publisher?.committed(events)
                done(.success(response))
            case .success(.failure(let refusal)):
                done(.failure((refusal as? RelationshipError)?.serviceError ?? ServiceError(.internal, "\(refusal)")))
            case .failure: done(.failure(ServiceError(.unknownOutcome, "the database connection was lost")))
            }
        }
    }
}
