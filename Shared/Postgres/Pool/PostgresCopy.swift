/// Takes the rows of a `COPY`, in the server's binary form.
///
///     try await pool.copy(into: "messages", columns: ["chat_id", "seq", "text"]) { copy in
///         for message in messages { try await copy.row(message.chatID, message.seq, message.text) }
///     }
package final class PostgresCopy {
    private let connection: PostgresConnection
    private let columnCount: Int
    private let deadline: ContinuousClock.Instant?
    private var writer = PostgresWriter()

    /// Collected before it is sent.
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

    /// One row, a value per column. Waits while the server is behind.
    ///
    /// - Throws: ``PostgresError/Reason/invalidParameter`` for another number of values, or one that cannot be sent.
    package func row<each Value: PostgresEncodable>(_ values: repeat each Value) async throws(PostgresError) {
        var count = 0
        let start = writer.bytes.count
        writer.write(Int16(truncatingIfNeeded: columnCount))
        for value in repeat each values {
            writer.writeCounted(value)
            count += 1
        }
        guard count == columnCount else {
            writer.cut(to: start)
            throw PostgresError(.invalidParameter, "\(count) values for \(columnCount) columns")
        }
        if let fault = writer.fault { throw PostgresError(.invalidParameter, fault) }
        if writer.bytes.count >= Self.chunkSize { try await send() }
    }

    /// Sends the rest and the trailer.
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
