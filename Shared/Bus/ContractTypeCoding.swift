import Contracts
import Postgres

// How the types that all services share are stored. Here, because neither Contracts nor Postgres knows of the other.

extension UserID: PostgresValue {}
extension SessionID: PostgresValue {}
extension ChatID: PostgresValue {}
extension MessageID: PostgresValue {}
extension ClientMessageID: PostgresValue {}
extension EventType: PostgresValue {}
extension ServiceName: PostgresValue {}

extension Timestamp: PostgresRepresentable {
    package var postgresValue: PostgresTimestamp { PostgresTimestamp(millisecondsSinceEpoch: millisecondsSinceEpoch) }
    package init(postgresValue: PostgresTimestamp) {
        self.init(millisecondsSinceEpoch: postgresValue.millisecondsSinceEpoch)
    }
}
