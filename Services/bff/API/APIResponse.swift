import Crypto
import Foundation
import HTTPTypes
import Hummingbird

/// An answer before it is bytes on a socket.
struct APIResponse: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields
    var body: ByteBuffer

    init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    init(_ status: HTTPResponse.Status, json: [UInt8]) {
        self.init(status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: json))
    }

    static let noContent = APIResponse(.noContent)

    /// A value as JSON. Keys stand in a fixed order, so that equal values have equal bytes and `ETag`s.
    static func json(_ value: some Encodable & Sendable, _ status: HTTPResponse.Status = .ok) throws -> APIResponse {
        APIResponse(status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: try encoder.encode(value)))
    }

    /// With what every answer carries.
    var completeHeaders: HTTPFields {
        var complete = headers
        if status.code != 204, status.code != 304 {
            complete.append(HTTPField(name: .contentLength, value: String(body.readableBytes)))
        }
        complete.append(HTTPField(name: .date, value: HTTPDate.now))
        complete.append(HTTPField(name: .server, value: "martlet"))
        return complete
    }

    /// A smaller body is as well sent as it is.
    private static let worthCompressing = 1_400

    /// Compressed if that pays and the client takes it. Other bytes need another validator: a strong one becomes weak (RFC 9110, 8.8.1).
    func encoded(for acceptEncoding: String?) -> APIResponse {
        guard body.readableBytes >= Self.worthCompressing else { return self }
        var response = self
        response.headers[.vary] = "accept-encoding"
        guard let acceptEncoding, Self.takesGzip(acceptEncoding), let compressed = Gzip.compressed(body) else { return response }
        response.body = compressed
        response.headers[.contentEncoding] = "gzip"
        if let tag = headers[.eTag], tag.hasPrefix("\"") { response.headers[.eTag] = "W/\(tag)" }
        return response
    }

    /// RFC 9110, 12.5.3; `q=0` refuses.
    private static func takesGzip(_ header: String) -> Bool {
        header.lowercased().split(separator: ",").contains { coding in
            let parts = coding.split(separator: ";").map { $0.filter { $0 != " " } }
            guard parts.first == "gzip" || parts.first == "*" else { return false }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            return quality != 0
        }
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// The response with a strong `ETag` made from its bytes.
    func tagged() -> APIResponse {
        let digest = SHA256.hash(data: Data(body.readableBytesView))
        return tagged(Data(digest.prefix(12)).base64EncodedString())
    }

    /// - Parameter tag: what stands between the quotes.
    func tagged(_ tag: String) -> APIResponse {
        var response = self
        response.headers[.eTag] = "\"\(tag)\""
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    /// `304` without a body when the client has what this response's `ETag` names (RFC 9110, 13.1.2).
    func unchanged(for call: APIRequest) -> APIResponse {
        guard let known = EntityTags(call.header(.ifNoneMatch)), let etag = headers[.eTag], known.matchesWeakly(etag) else {
            return self
        }
        return APIResponse(.notModified, headers: [.eTag: etag, .cacheControl: "private, no-cache"])
    }

    func tagged(for call: APIRequest) -> APIResponse { tagged().unchanged(for: call) }
    func tagged(_ tag: String, for call: APIRequest) -> APIResponse { tagged(tag).unchanged(for: call) }
}

/// A list of entity tags as in `If-Match` and `If-None-Match` (RFC 9110, 8.8.3).
struct EntityTags {
    private let tags: [Substring]

    init?(_ header: String?) {
        guard let header else { return nil }
        tags = header.split(separator: ",").map { $0.drop { $0 == " " } }.map { $0.prefix { $0 != " " } }
    }

    func matchesWeakly(_ etag: String) -> Bool { tags.contains { $0 == "*" || $0 == etag || $0 == "W/\(etag)" } }

    /// What a single strong tag says between its quotes.
    var onlyStrong: Substring? {
        guard tags.count == 1, let tag = tags.first, tag.first == "\"", tag.last == "\"", tag.utf8.count > 2 else { return nil }
        return tag.dropFirst().dropLast()
    }
}
