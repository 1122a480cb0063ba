import Hummingbird

/// Bounds the time that a client may take to send a body.
enum BodyTime {
    /// Ten seconds for at most 64 KiB.
    static let limit = Duration.seconds(10)

    /// - Throws: ``Problem`` with 408 when time is up; whatever `read` throws.
    static func limit(_ read: @escaping @Sendable () async throws -> ByteBuffer) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask { try await read() }
            group.addTask {
                try await Task.sleep(for: limit)
                throw Problem(.requestTimeout, "timeout", "The body did not arrive in time.", headers: [.connection: "close"])
            }
            defer { group.cancelAll() }
            guard let body = try await group.next() else { throw CancellationError() }
            return body
        }
    }
}
