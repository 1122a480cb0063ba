/// One call on the wire.
struct WireCall: Hashable, Sendable {
    /// Identifies the answer. It has a meaning for the caller only.
    var correlationID: UInt64
    /// Milliseconds since the Unix epoch.
    var deadline: Int64
    /// 1…255 bytes.
    var procedure: String
    /// Trace context and request id: short names with short values.
    var context: [ContextField]
    /// The request as CBOR.
    var payload: [UInt8]

    struct ContextField: Hashable, Sendable {
        var name: String
        var value: String
    }

    /// The largest size of an entry without its payload and context.
    private static let fixedBytes = 8 + 8 + 1 + 255 + 1 + 4

    /// An upper bound of the bytes that this call adds to a message.
    var byteCount: Int {
        context.reduce(Self.fixedBytes + payload.count) { $0 + 3 + $1.name.utf8.count + $1.value.utf8.count }
    }
}

/// A message on a service's request queue: 1…32 calls.
///
/// The ``EnvelopeHead`` is followed by the calls. Each call consists of:
/// - the deadline (8 bytes)
/// - the length of the procedure's name (1) and the name
/// - the number of context fields (1); for each the length of its name (1), the name, the length of its value
///   (2) and the value
/// - the length of the payload (4) and the payload
enum CallEnvelope {
    /// The size up to which calls share a message. A larger call is a message by itself.
    static let coalescedBytes = 64 * 1_024
    /// The limit of a request in bytes.
    static let maximumPayload = 1 << 20
    static let maximumContextFields = 8

    static func encode(_ calls: some Collection<WireCall>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(calls.reduce(2) { $0 + $1.byteCount })
        EnvelopeHead.write(calls.lazy.map(\.correlationID), to: &bytes)
        for call in calls { append(call, to: &bytes) }
        return bytes
    }

    /// Decodes untrusted bytes.
    ///
    /// - Throws: ``EnvelopeError``.
    static func decode(_ bytes: [UInt8]) throws(EnvelopeError) -> [WireCall] {
        var reader = EnvelopeReader(bytes)
        let ids = try EnvelopeHead.read(&reader)
        var calls: [WireCall] = []
        calls.reserveCapacity(ids.count)
        do {
            for id in ids { calls.append(try call(id, from: &reader, in: bytes)) }
        } catch {
            throw .malformed("call \(calls.count) of \(ids.count) is malformed", correlationIDs: ids)
        }
        if !reader.isAtEnd { throw .malformed("bytes after the last call", correlationIDs: ids) }
        return calls
    }

    private static func append(_ call: WireCall, to bytes: inout [UInt8]) {
        bytes.append(number: UInt64(bitPattern: call.deadline))
        bytes.append(short: call.procedure)
        let fields = call.context.prefix(maximumContextFields)
        bytes.append(UInt8(fields.count))
        for field in fields {
            let value = field.value.utf8.prefix(4_096)
            bytes.append(short: field.name)
            bytes.append(number: UInt16(value.count))
            bytes.append(contentsOf: value)
        }
        bytes.append(number: UInt32(call.payload.count))
        bytes.append(contentsOf: call.payload)
    }

    private static func call(
        _ id: UInt64, from reader: inout EnvelopeReader, in bytes: [UInt8]
    ) throws(EnvelopeError) -> WireCall {
        let deadline = Int64(bitPattern: try reader.number(UInt64.self))
        let procedure = try reader.text(Int(try reader.number(UInt8.self)))
        var context: [WireCall.ContextField] = []
        for _ in 0..<(try reader.number(UInt8.self)) {
            let name = try reader.text(Int(try reader.number(UInt8.self)))
            context.append(WireCall.ContextField(name: name, value: try reader.text(Int(try reader.number(UInt16.self)))))
        }
        let payload = try reader.range(Int(try reader.number(UInt32.self)))
        return WireCall(
            correlationID: id, deadline: deadline, procedure: procedure, context: context, payload: Array(bytes[payload]))
    }
}

extension [UInt8] {
    /// Appends the first 255 bytes of a text, with their number in front.
    fileprivate mutating func append(short text: String) {
        let utf8 = text.utf8.prefix(255)
        append(UInt8(utf8.count))
        append(contentsOf: utf8)
    }
}
