/// One answer as it travels.
struct WireReply: Hashable, Sendable {
    enum Kind: UInt8, Sendable {
        /// The payload is the response.
        case answer = 0
        /// The payload is a `ServiceError`.
        case error = 1
    }

    var correlationID: UInt64
    var kind: Kind
    /// CBOR.
    var payload: [UInt8]

    var byteCount: Int { 8 + 1 + 4 + payload.count }
}

/// A message on a caller's reply queue: 1…32 answers.
///
/// After the ``EnvelopeHead``, for each answer: its kind (1 byte), length of the payload (4) and payload.
enum ReplyEnvelope {
    static let coalescedBytes = CallEnvelope.coalescedBytes
    /// The largest response; below what the AMQP module takes in.
    static let maximumPayload = 8 << 20

    static func encode(_ replies: some Collection<WireReply>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(replies.reduce(2) { $0 + $1.byteCount })
        EnvelopeHead.write(replies.lazy.map(\.correlationID), to: &bytes)
        for reply in replies {
            bytes.append(reply.kind.rawValue)
            bytes.append(number: UInt32(reply.payload.count))
            bytes.append(contentsOf: reply.payload)
        }
        return bytes
    }

    static func decode(_ bytes: [UInt8]) throws(EnvelopeError) -> [WireReply] {
        var reader = EnvelopeReader(bytes)
        let ids = try EnvelopeHead.read(&reader)
        var replies: [WireReply] = []
        replies.reserveCapacity(ids.count)
        do {
            for id in ids { replies.append(try reply(id, &reader, bytes)) }
        } catch {
            throw .malformed("answer \(replies.count) of \(ids.count) cannot be read", correlationIDs: ids)
        }
        if !reader.isAtEnd { throw .malformed("bytes after the last answer", correlationIDs: ids) }
        return replies
    }

    private static func reply(_ id: UInt64, _ reader: inout EnvelopeReader, _ bytes: [UInt8]) throws(EnvelopeError) -> WireReply {
        guard let kind = WireReply.Kind(rawValue: try reader.number(UInt8.self)) else { throw .truncated }
        let payload = try reader.take(Int(try reader.number(UInt32.self)))
        return WireReply(correlationID: id, kind: kind, payload: Array(bytes[payload]))
    }
}
