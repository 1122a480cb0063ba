import CBOR
import Contracts
import Postgres

// How CBOR and Postgres code the types of Contracts. It stands here because neither of them knows Contracts,
// nor it them.

extension CBORDecimalTypes {
    /// The ids of Contracts.
    package static let contracts = {
        var types = CBORDecimalTypes()
        types.insert(UserID.self)
        types.insert(ChatID.self)
        types.insert(MessageID.self)
        types.insert(SessionID.self)
        types.insert(NextIDs.RawID.self)
        return types
    }()
}

extension CBOREncoder {
    /// The encoder for the types of Contracts, and for others that contain their ids.
    package static let contracts = CBOREncoder(decimals: .contracts)
}

extension CBORDecoder {
    /// The decoder for the types of Contracts, and for others that contain their ids.
    package static let contracts = CBORDecoder(decimals: .contracts)
}

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
