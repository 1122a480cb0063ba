import Bus
import Contracts
import Postgres

extension ChatKind: PostgresValue {}
extension ChatRole: PostgresValue {}

extension SQL {
    /// The database's clock in whole milliseconds. In a statement after the one that took a chat's lock, it
    /// is later than every time that was stored under that lock.
    static let clock: SQL = "date_trunc('milliseconds', clock_timestamp())"

    /// The columns of a message, in the order of ``MessageRow``.
    static let messageColumns: SQL = """
        m.chat_id, m.seq, m.id, coalesce(m.changed_rev, m.sent_rev), m.sender_id, m.client_message_id, m.text, m.sent_at, m.edited_at,
        m.deleted_at, m.reply_to
        """
}

/// Decodes the rows of a statement that selects ``SQL/messageColumns``.
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
