import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// An answer before it is bytes on a socket.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields
    var body: ByteBuffer

    init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    static let noContent = Reply(.noContent)

    /// A value as JSON. Keys stand in a fixed order, so that equal values have equal bytes and `ETag`s.
    static func json(_ value: some Encodable & Sendable, _ status: HTTPResponse.Status = .ok) throws -> Reply {
        Reply(status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: try encoder.encode(value)))
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// The reply with a strong `ETag` made from its bytes; `304` without a body when the client has them (RFC 9110, 13.1.2).
    func tagged(for call: Call) -> Reply {
        let digest = SHA256.hash(data: Data(body.readableBytesView))
        return tagged(Data(digest.prefix(12)).base64EncodedString(), for: call)
    }

    /// - Parameter tag: what stands between the quotes.
    func tagged(_ tag: String, for call: Call) -> Reply {
        var reply = self
        let etag = "\"\(tag)\""
        reply.headers[.eTag] = etag
        reply.headers[.cacheControl] = "private, no-cache"
        guard EntityTags(call.header(.ifNoneMatch))?.matchesWeakly(etag) == true else { return reply }
        return Reply(.notModified, headers: [.eTag: etag, .cacheControl: "private, no-cache"])
    }
}

/// A list of entity tags as in `If-Match` and `If-None-Match` (RFC 9110, 8.8.3).
struct EntityTags {
    private let tags: [Substring]

    init?(_ header: String?) {
        guard let header else { return nil }
        tags = header.split(separator: ",").map { $0.drop { $0 == " " } }.map { $0.prefix { $0 != " " } }
    }

    func matchesWeakly(_ etag: String) -> Bool { tags.contains { $0 == "*" || $0 == etag || $0 == "W/\(etag)" } }

    /// The one number that a single strong tag consists of, written as we write it.
    var version: Int64? {
        guard tags.count == 1, let tag = tags.first, let number = Int64(tag.dropFirst().dropLast()), tag == "\"\(number)\"" else {
            return nil
        }
        return number
    }
}
