import CRabbitMQ
import Foundation

/// Opens a connection with the library's blocking calls: name resolution, TCP or TLS, login. Use a thread
/// that may block.
struct Login {
    let endpoint: AMQPEndpoint

    /// - Throws: `notConnected` with the failed operation, or `refused` with the broker's message.
    func connect() throws(AMQPError) -> ConnectionHandle {
        let handle = try ConnectionHandle()
        guard let socket = amqp_tcp_socket_new(handle.state) else { throw .notConnected("out of memory") }
        var timeout = timeval(endpoint.connectTimeout)
        amqp_set_handshake_timeout(handle.state, &timeout)
        amqp_set_rpc_timeout(handle.state, &timeout)
        let operation = "connecting to \(endpoint.host):\(endpoint.port)"
        if let tls = endpoint.tls {
            amqp_tcp_socket_set_sockfd(socket, try TLSRelay.open(endpoint, tls))
        } else {
            let status = amqp_socket_open_noblock(socket, endpoint.host, CInt(clamping: endpoint.port), &timeout)
            guard status == AMQP_STATUS_OK.rawValue else { throw AMQPError(status: status, doing: operation) }
        }
        let reply = logIn(handle)
        if let error = AMQPError(reply, doing: "logging in at \(endpoint.host):\(endpoint.port)") { throw error }
        return handle
    }

    /// RabbitMQ's maximum.
    private static var frameMax: CInt { 131_072 }
    private static var channelMax: CInt { 255 }

    private func logIn(_ handle: ConnectionHandle) -> amqp_rpc_reply_t {
        let arena = Arena()
        let capabilities = ["connection.blocked", "consumer_cancel_notify", "basic.nack", "publisher_confirms"]
        let announced = arena.table(capabilities.map { ($0, arena.flag()) })
        var properties = arena.table([
            ("connection_name", arena.text(endpoint.connectionName)), ("product", arena.text("Martlet")),
            ("capabilities", arena.value(announced)),
        ])
        let heartbeat = CInt(clamping: endpoint.heartbeat.components.seconds)
        return martlet_amqp_login_plain(
            handle.state, endpoint.vhost, Self.channelMax, Self.frameMax, heartbeat, &properties, endpoint.user, endpoint.password
        )
    }
}

extension timeval {
    /// Clamps the duration to 1 ms...60 s.
    init(_ duration: Duration) {
        let bounded = max(.milliseconds(1), min(duration, .seconds(60)))
        let (seconds, attoseconds) = bounded.components
        self.init(tv_sec: Int(seconds), tv_usec: suseconds_t(attoseconds / 1_000_000_000_000))
    }
}

/// Memory for the C values of one library call, freed with the arena.
struct Arena: ~Copyable {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init() {
        pool = .allocate(capacity: 1)
        init_amqp_pool(pool, 4_096)
    }

    deinit {
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    /// Copies a text; returns empty bytes when out of memory.
    func bytes(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { bytes(UnsafeRawBufferPointer($0)) }
    }

    func bytes(_ source: UnsafeRawBufferPointer) -> amqp_bytes_t {
        guard let start = source.baseAddress, let copy = amqp_pool_alloc(pool, source.count) else { return amqp_empty_bytes }
        copy.copyMemory(from: start, byteCount: source.count)
        return amqp_bytes_t(len: source.count, bytes: copy)
    }

    func table(_ entries: [(name: String, value: amqp_field_value_t)]) -> amqp_table_t {
        let size = entries.count * MemoryLayout<amqp_table_entry_t>.stride
        guard !entries.isEmpty, let memory = amqp_pool_alloc(pool, size) else { return amqp_empty_table }
        let copy = memory.bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
        for (index, entry) in entries.enumerated() {
            (copy + index).initialize(to: amqp_table_entry_t(key: bytes(entry.name), value: entry.value))
        }
        return amqp_table_t(num_entries: CInt(entries.count), entries: copy)
    }

    func text(_ text: String) -> amqp_field_value_t {
        field(AMQP_FIELD_KIND_UTF8) { $0.bytes = bytes(text) }
    }

    func flag() -> amqp_field_value_t { field(AMQP_FIELD_KIND_BOOLEAN) { $0.boolean = 1 } }

    func value(_ table: amqp_table_t) -> amqp_field_value_t { field(AMQP_FIELD_KIND_TABLE) { $0.table = table } }

    func field(
        _ kind: amqp_field_value_kind_t, _ fill: (inout amqp_field_value_t.__Unnamed_union_value) -> Void
    ) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        field.kind = UInt8(kind.rawValue)
        fill(&field.value)
        return field
    }
}
