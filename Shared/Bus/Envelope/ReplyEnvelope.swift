/// One answer on the wire.
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
/// The ``EnvelopeHead`` is followed by the answers. Each consists of its kind (1 byte), the length of its
/// payload (4) and the payload.
enum ReplyEnvelope {
    static let coalescedBytes = CallEnvelope.coalescedBytes
    /// The limit of a response in bytes. It is below the limit of the AMQP module.
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
            for id in ids { replies.append(try reply(id, from: &reader, in: bytes)) }
        } catch {
            throw .malformed("answer \(replies.count) of \(ids.count) is malformed", correlationIDs: ids)
        }
        if !reader.isAtEnd { throw .malformed("bytes after the last answer", correlationIDs: ids) }
        return replies
    }

    private static func reply(
        _ id: UInt64, from reader: inout EnvelopeReader, in bytes: [UInt8]
    ) throws(EnvelopeError) -> WireReply {
        guard let kind = WireReply.Kind(rawValue: try reader.number(UInt8.self)) else { throw .truncated }
        let payload = try reader.range(Int(try reader.number(UInt32.self)))
        return WireReply(correlationID: id, kind: kind, payload: Array(bytes[payload]))
    }
}
