/// One call as it travels.
struct WireCall: Hashable, Sendable {
    /// What the answer is known by; meaningful to the caller alone.
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

    /// Bytes of an entry beside its payload and context, at most.
    private static let fixedBytes = 8 + 8 + 1 + 255 + 1 + 4

    /// An upper bound of what this call adds to a message.
    var byteCount: Int {
        context.reduce(Self.fixedBytes + payload.count) { $0 + 3 + $1.name.utf8.count + $1.value.utf8.count }
    }
}

/// A message on a service's request queue: 1…32 calls.
///
/// After the ``EnvelopeHead``, for each call: deadline (8 bytes), length of the name (1) and name, number of context fields (1), for each the length of its
/// name (1), its name, the length of its value (2), its value; length of the payload (4) and payload.
enum CallEnvelope {
    /// Calls are put together up to this size; a larger one travels alone.
    static let coalescedBytes = 64 * 1_024
    /// The largest request.
    static let maximumPayload = 1 << 20
    static let maximumContextFields = 8

    static func encode(_ calls: some Collection<WireCall>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(calls.reduce(2) { $0 + $1.byteCount })
        EnvelopeHead.write(calls.lazy.map(\.correlationID), to: &bytes)
        for call in calls { append(call, to: &bytes) }
        return bytes
    }

    /// - Throws: ``EnvelopeError``; whatever the bytes are, nothing else happens.
    static func decode(_ bytes: [UInt8]) throws(EnvelopeError) -> [WireCall] {
        var reader = EnvelopeReader(bytes)
        let ids = try EnvelopeHead.read(&reader)
        var calls: [WireCall] = []
        calls.reserveCapacity(ids.count)
        do {
            for id in ids { calls.append(try call(id, &reader, bytes)) }
        } catch {
            throw .malformed("call \(calls.count) of \(ids.count) cannot be read", correlationIDs: ids)
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

    private static func call(_ id: UInt64, _ reader: inout EnvelopeReader, _ bytes: [UInt8]) throws(EnvelopeError) -> WireCall {
        let deadline = Int64(bitPattern: try reader.number(UInt64.self))
        let procedure = try reader.text(Int(try reader.number(UInt8.self)))
        var context: [WireCall.ContextField] = []
        for _ in 0..<(try reader.number(UInt8.self)) {
            let name = try reader.text(Int(try reader.number(UInt8.self)))
            context.append(WireCall.ContextField(name: name, value: try reader.text(Int(try reader.number(UInt16.self)))))
        }
        let payload = try reader.take(Int(try reader.number(UInt32.self)))
        return WireCall(
            correlationID: id, deadline: deadline, procedure: procedure, context: context, payload: Array(bytes[payload]))
    }
}

extension [UInt8] {
    /// A text of at most 255 bytes with its length before it.
    fileprivate mutating func append(short text: String) {
        let utf8 = text.utf8.prefix(255)
        append(UInt8(utf8.count))
        append(contentsOf: utf8)
    }
}
