import Bus
import CBOR
import Contracts
import Crypto
import Edge
import Foundation
import HTTPTypes
import Hummingbird

/// A response before it is encoded for a client.
struct APIResponse: Sendable {
    /// Bytes below which compression does not pay: the response fits into one packet anyway.
    private static let minimumCompressedBytes = 1_400

    var status: HTTPResponse.Status
    var headers: HTTPFields
    var body: ByteBuffer

    init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    init(_ status: HTTPResponse.Status, json: [UInt8]) {
        self.init(status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: json))
    }

    init(_ problem: Problem, requestID: String) {
        var headers = problem.headers
        headers[.contentType] = Problem.contentType
        self.init(problem.status, headers: headers, body: ByteBuffer(bytes: problem.body(requestID: requestID)))
    }

    static let noContent = APIResponse(.noContent)

    /// A value as JSON. Keys have a fixed order, so equal values have equal bytes and `ETag`s.
    static func json(_ value: some Encodable & Sendable, _ status: HTTPResponse.Status = .ok) throws -> APIResponse {
        APIResponse(
            status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: try encoder.encode(value)))
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    /// The fields of this response and those of every response.
    var completeHeaders: HTTPFields {
        var complete = headers
        if status.code != 204, status.code != 304 {
            complete.append(HTTPField(name: .contentLength, value: String(body.readableBytes)))
        }
        complete.append(HTTPField(name: .date, value: HTTPDate.now))
        complete.append(HTTPField(name: .server, value: "martlet"))
        return complete
    }

    // MARK: Compression

    /// Compressed if that pays and the client accepts it. A strong `ETag` becomes weak, because the bytes are
    /// others (RFC 9110, 8.8.1).
    func encoded(for acceptEncoding: String?) -> APIResponse {
        guard body.readableBytes >= Self.minimumCompressedBytes else { return self }
        var response = self
        response.headers[.vary] = "accept-encoding"
        guard let acceptEncoding, Self.acceptsGzip(acceptEncoding), let compressed = Gzip.compressed(body) else {
            return response
        }
        response.body = compressed
        response.headers[.contentEncoding] = "gzip"
        if let tag = headers[.eTag], tag.hasPrefix("\"") { response.headers[.eTag] = "W/\(tag)" }
        return response
    }

    /// RFC 9110, 12.5.3; `q=0` excludes a coding.
    private static func acceptsGzip(_ header: String) -> Bool {
        header.lowercased().split(separator: ",").contains { coding in
            let parts = coding.split(separator: ";").map { $0.filter { $0 != " " } }
            guard parts.first == "gzip" || parts.first == "*" else { return false }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) }
            return quality != 0
        }
    }

    // MARK: Entity tags

    /// With a strong `ETag` made from the body.
    func tagged() -> APIResponse {
        let digest = SHA256.hash(data: Data(body.readableBytesView))
        return tagged(Data(digest.prefix(12)).base64EncodedString())
    }

    /// - Parameter tag: the text between the quotes.
    func tagged(_ tag: String) -> APIResponse {
        var response = self
        response.headers[.eTag] = "\"\(tag)\""
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    /// `304` without a body if the client has the version that this response's `ETag` names (RFC 9110,
    /// 13.1.2).
    func unchanged(for request: APIRequest) -> APIResponse {
        guard let held = EntityTags(request.header(.ifNoneMatch)), let etag = headers[.eTag], held.matchesWeakly(etag) else {
            return self
        }
        return APIResponse(.notModified, headers: [.eTag: etag, .cacheControl: "private, no-cache"])
    }

    func tagged(for request: APIRequest) -> APIResponse { tagged().unchanged(for: request) }
    func tagged(_ tag: String, for request: APIRequest) -> APIResponse { tagged(tag).unchanged(for: request) }

    /// With secrets in the body: no cache may store it (RFC 6749, 5.1).
    var unstored: APIResponse {
        var response = self
        response.headers[.cacheControl] = "no-store"
        return response
    }
}

extension ProcedureCaller {
    /// Passes a service's response on to the client, for procedures whose response is the public resource,
    /// field by field.
    func relay<P: Procedure>(_ request: P) async throws -> APIResponse {
        APIResponse(.ok, json: try CBORTranscoder.json(try await payload(of: request)))
    }
}
