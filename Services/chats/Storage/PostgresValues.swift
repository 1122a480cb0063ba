import Bus
import Contracts
import Postgres

extension ChatKind: PostgresValue {}
extension ChatRole: PostgresValue {}

/// `bytea`
extension RequestHash: PostgresValue {
    package static var postgresType: PostgresType { .bytea }
    package func encode(to writer: inout PostgresWriter) { writer.write(bytes: bytes) }
    package static func reads(_ type: UInt32) -> Bool { type == PostgresType.bytea.id }
    package static func decode(_ bytes: RawSpan, type: UInt32) throws(PostgresError) -> RequestHash {
        RequestHash(bytes: bytes.withUnsafeBytes { Array($0) })
    }
}

extension SQL {
    /// The server's clock, in whole milliseconds as all our times. In a statement after that which took the locks it is later than
    /// everything that was ever stamped under them.
    static let clock: SQL = "date_trunc('milliseconds', clock_timestamp())"

    /// The columns of a message, in the order of ``MessageRow``.
    static let messageColumns: SQL = """
        m.chat_id, m.seq, m.id, coalesce(m.changed_rev, m.sent_rev), m.sender_id, m.client_message_id, m.text, m.sent_at, m.edited_at,
        m.deleted_at, m.reply_to
        """
}

/// A message as it comes out of a statement.
enum MessageRow {
    typealias Columns = (
        ChatID, Int64, MessageID, Int64, UserID, ClientMessageID, String, Timestamp, Timestamp?, Timestamp?, Int64?
    )

    static func message(_ row: Columns) -> Message {
        let (chat, seq, id, rev, sender, key, text, sentAt, editedAt, deletedAt, replyTo) = row
        return Message(
            id: id, chatID: chat, seq: seq, rev: rev, senderID: sender, clientMessageID: key, text: text, sentAt: sentAt,
            editedAt: editedAt, deletedAt: deletedAt, replyTo: replyTo)
    }

    static func messages(_ rows: PostgresRows) throws(PostgresError) -> [Message] {
        try rows.decode(Columns.self).map(message)
    }
}
