import CRabbitMQ
import Foundation

/// Conversions from the library's decoded structures, which are valid until its buffers are released.
extension String {
    /// Decodes UTF-8 and repairs invalid bytes.
    init(_ bytes: amqp_bytes_t) {
        self = String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}

extension String {
    init(errno: CInt) { self = String(cString: strerror(errno)) }
}

/// The maximum nesting of tables and arrays; deeper values become null. Releasing and traversing a value
/// recurse.
private let maximumDepth = 32

extension AMQPTable {
    init(_ table: amqp_table_t, depth: Int = 0) {
        self.init()
        guard table.num_entries > 0, let entries = table.entries else { return }
        reserveCapacity(Int(table.num_entries))
        for entry in UnsafeBufferPointer(start: entries, count: Int(table.num_entries)) {
            append(String(entry.key), AMQPValue(entry.value, depth: depth))
        }
    }
}

extension AMQPValue {
    init(_ field: amqp_field_value_t, depth: Int) {
        self = Self.integer(in: field) ?? Self.other(in: field) ?? Self.container(in: field, depth: depth + 1)
    }

    private static func integer(in field: amqp_field_value_t) -> AMQPValue? {
        switch amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_I8: .integer(Int64(field.value.i8))
        case AMQP_FIELD_KIND_U8: .integer(Int64(field.value.u8))
        case AMQP_FIELD_KIND_I16: .integer(Int64(field.value.i16))
        case AMQP_FIELD_KIND_U16: .integer(Int64(field.value.u16))
        case AMQP_FIELD_KIND_I32: .integer(Int64(field.value.i32))
        case AMQP_FIELD_KIND_U32: .integer(Int64(field.value.u32))
        case AMQP_FIELD_KIND_I64: .integer(field.value.i64)
        // Values beyond Int64 are clamped.
        case AMQP_FIELD_KIND_U64: .integer(Int64(clamping: field.value.u64))
        default: nil
        }
    }

    private static func other(in field: amqp_field_value_t) -> AMQPValue? {
        switch amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_BOOLEAN: .bool(field.value.boolean != 0)
        case AMQP_FIELD_KIND_F32: .double(Double(field.value.f32))
        case AMQP_FIELD_KIND_F64: .double(field.value.f64)
        case AMQP_FIELD_KIND_UTF8: text(field.value.bytes)
        case AMQP_FIELD_KIND_BYTES: .bytes([UInt8](raw(field.value.bytes)))
        case AMQP_FIELD_KIND_TIMESTAMP: .timestamp(field.value.u64)
        default: nil
        }
    }

    private static func container(in field: amqp_field_value_t, depth: Int) -> AMQPValue {
        switch amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_TABLE where depth < maximumDepth: .table(AMQPTable(field.value.table, depth: depth))
        case AMQP_FIELD_KIND_ARRAY where depth < maximumDepth: array(field.value.array, depth: depth)
        // Decimals are not supported.
        default: .null
        }
    }

    /// Converts a long string: bytes by the standard, text if it is valid UTF-8.
    private static func text(_ bytes: amqp_bytes_t) -> AMQPValue {
        if let text = String(validating: raw(bytes), as: UTF8.self) { .string(text) } else { .bytes([UInt8](raw(bytes))) }
    }

    private static func array(_ array: amqp_array_t, depth: Int) -> AMQPValue {
        guard array.num_entries > 0, let entries = array.entries else { return .array([]) }
        return .array(UnsafeBufferPointer(start: entries, count: Int(array.num_entries)).map { AMQPValue($0, depth: depth) })
    }

    private static func raw(_ bytes: amqp_bytes_t) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len)
    }
}

extension AMQPProperties {
    /// - Parameter number: the number that ``OutputBuffer/publish(_:number:channel:frameMax:)`` wrote, if
    ///   present.
    init(_ source: amqp_basic_properties_t, number: inout UInt64?) {
        let flags = UInt16(truncatingIfNeeded: source._flags)
        func text(_ flag: UInt16, _ bytes: amqp_bytes_t) -> String? { flags & flag == 0 ? nil : String(bytes) }
        contentType = text(PropertyFlag.contentType, source.content_type)
        contentEncoding = text(PropertyFlag.contentEncoding, source.content_encoding)
        if flags & PropertyFlag.headers != 0 { headers = AMQPTable(source.headers) }
        deliveryMode = flags & PropertyFlag.deliveryMode != 0 && source.delivery_mode == 2 ? .persistent : .transient
        priority = flags & PropertyFlag.priority == 0 ? nil : source.priority
        correlationID = text(PropertyFlag.correlationID, source.correlation_id)
        replyTo = text(PropertyFlag.replyTo, source.reply_to)
        expiration = text(PropertyFlag.expiration, source.expiration).flatMap { Int64($0) }
        messageID = text(PropertyFlag.messageID, source.message_id)
        timestamp = flags & PropertyFlag.timestamp == 0 ? nil : source.timestamp
        type = text(PropertyFlag.type, source.type)
        userID = text(PropertyFlag.userID, source.user_id)
        appID = text(PropertyFlag.appID, source.app_id)
        number = text(PropertyFlag.clusterID, source.cluster_id).flatMap { UInt64($0) }
    }
}
