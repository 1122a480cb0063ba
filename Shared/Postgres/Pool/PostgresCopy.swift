/// Writes the rows of a `COPY`, in the server's binary format.
///
///     try await pool.copy(into: "messages", columns: ["chat_id", "seq", "text"]) { copy in
///         for message in messages { try await copy.row(message.chatID, message.seq, message.text) }
///     }
package final class PostgresCopy {
    private let connection: PostgresConnection
    private let columnCount: Int
    private let deadline: ContinuousClock.Instant?
    private var writer = PostgresWriter()

    /// The number of bytes to collect before sending.
    private static let chunkSize = 64 * 1_024

    init(on connection: PostgresConnection, columnCount: Int, deadline: ContinuousClock.Instant?) {
        self.connection = connection
        self.columnCount = columnCount
        self.deadline = deadline
        writer.write(bytes: Self.signature)
        writer.write(Int32(0))
        writer.write(Int32(0))
    }

    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0]

    /// Writes one row, with one value per column. Waits while the server is slow.
    ///
    /// - Throws: ``PostgresError/Reason/invalidParameter`` for a wrong number of values, or a value that
    ///   cannot be sent.
    package func row<each Value: PostgresEncodable>(_ values: repeat each Value) async throws(PostgresError) {
        var count = 0
        let start = writer.bytes.count
        writer.write(Int16(truncatingIfNeeded: columnCount))
        for value in repeat each values {
            writer.writeWithLength(value)
            count += 1
        }
        guard count == columnCount else {
            writer.truncate(to: start)
            throw PostgresError(.invalidParameter, "\(count) values for \(columnCount) columns")
        }
        if let fault = writer.fault { throw PostgresError(.invalidParameter, fault) }
        if writer.bytes.count >= Self.chunkSize { try await send() }
    }

    /// Sends the remaining rows and the trailer.
    func finish() async throws(PostgresError) {
        writer.write(Int16(-1))
        try await send()
    }

    private func send() async throws(PostgresError) {
        if Task.isCancelled { throw PostgresError(.cancelled, "the caller was cancelled during COPY") }
        let bytes = writer.bytes
        writer.clear()
        try await connection.writeCopy(bytes, deadline: deadline)
    }
}
