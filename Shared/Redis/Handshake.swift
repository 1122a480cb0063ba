import Reactor
import Synchronization

/// A connection that has signed in and answered.
struct SignedIn: ~Copyable, Sendable {
    var context: RedisContext
    /// Names the server's process: another one after every restart and every failover.
    let server: String

    /// Connects and signs in on a thread of its own.
    ///
    /// - Throws: ``RedisError``: `refused` when Redis does not let us in, `connectionLost` when it is not there or does not answer.
    static func reach(_ endpoint: RedisEndpoint) async throws -> SignedIn {
        let handover = try await Blocking.run { Handover(try SignedIn(endpoint)) }
        return try handover.take()
    }

    /// Blocks.
    private init(_ endpoint: RedisEndpoint) throws(RedisError) {
        var context = try RedisContext.connect(host: endpoint.host, port: endpoint.port, timeout: endpoint.connectTimeout)
        if let password = endpoint.password {
            _ = try context.ask(["AUTH"] + (endpoint.user.map { [.text($0)] } ?? []) + [.text(password)])
        }
        _ = try context.ask(["CLIENT", "SETNAME", .text(endpoint.clientName)])
        // A stopped Redis still accepts connections: it counts as reached once it has answered.
        let server = try Self.runID(try context.ask(["INFO", "server"]))
        try context.stopBlocking()
        self.context = context
        self.server = server
    }

    private static func runID(_ info: RedisReply) throws(RedisError) -> String {
        let lines = String(decoding: try info.optionalBytes() ?? [], as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let line = lines.first(where: { $0.hasPrefix("run_id:") }) else {
            throw .unexpected(info, wanted: "a run_id in INFO")
        }
        return String(line.dropFirst("run_id:".count))
    }
}

/// Carries a connection from the thread that made it to the one that uses it.
private final class Handover: Sendable {
    private let content: Mutex<SignedIn?>

    init(_ connection: consuming SignedIn) { content = Mutex(consume connection) }

    func take() throws(RedisError) -> SignedIn {
        let connection = content.withLock { $0.take() }
        guard let connection else { throw .connectionLost }
        return connection
    }
}
