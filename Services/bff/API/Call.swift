import Contracts
import Foundation
import HTTPTypes
import Hummingbird

/// A request as a handler sees it: its parts, typed and checked for shape. Whether values make sense is for the services to say.
struct Call: Sendable {
    /// 64 KiB.
    static let maximumBody = 65_536

    let request: Request
    let context: APIContext

    /// Who asks. Only on routes for those who are signed in.
    var caller: Caller {
        get throws {
            guard let caller = context.caller else { throw Problem.unauthorized }
            return caller
        }
    }

    func header(_ name: HTTPField.Name) -> String? { request.headers[name] }

    /// An id in the path. What is no id names nothing: `404`.
    func id<ID: Identifier>(_ name: String, as: ID.Type = ID.self) throws -> ID {
        guard let id = context.parameters.get(name).flatMap({ ID($0) }) else { throw Problem.notFound }
        return id
    }

    /// A piece of the path as text, percent-decoded.
    func segment(_ name: String) throws -> String {
        guard let segment = context.parameters.get(name)?.removingPercentEncoding else { throw Problem.notFound }
        return segment
    }

    /// A field of the query; `nil` when absent.
    func query(_ name: String) -> String? { request.uri.queryParameters[Substring(name)].map(String.init) }

    /// A whole number in the query.
    func number(_ name: String) throws -> Int64? {
        guard let text = query(name) else { return nil }
        guard let number = Int64(text) else { throw Problem.invalid(name, "must be a whole number") }
        return number
    }

    /// How many items a page may have: 1…100, 50 unless given.
    func limit() throws -> Int {
        guard let limit = try number("limit") else { return 50 }
        guard (1...100).contains(limit) else { throw Problem.invalid("limit", "must be 1 to 100") }
        return Int(limit)
    }

    /// The version that a change is meant for, out of `If-Match`.
    func expectedVersion() throws -> Int64 {
        guard let tags = EntityTags(header(.ifMatch)) else {
            throw Problem(.preconditionRequired, "preconditionRequired", "Send the ETag of what you have read as If-Match.")
        }
        guard let version = tags.version else {
            throw Problem(.preconditionFailed, "stale", "If-Match is not the present ETag. Read again, then repeat the change.")
        }
        return version
    }

    func idempotencyKey() throws -> String? {
        guard let key = header(.idempotencyKey) else { return nil }
        guard (1...128).contains(key.unicodeScalars.count) else {
            throw Problem.invalid("Idempotency-Key", "must be 1 to 128 characters")
        }
        return key
    }

    /// The JSON object in the body.
    ///
    /// - Throws: ``Problem``: 400 when it is no JSON object, 413 above ``maximumBody``, 422 with every field that is missing or of the wrong type.
    func body<Value: Body>(_: Value.Type = Value.self) async throws -> Value {
        let buffer = try await collected()
        do {
            return try Self.decoder.decode(Value.self, from: buffer)
        } catch {
            throw Value.problem(with: buffer, error)
        }
    }

    private func collected() async throws -> Data {
        if let length = header(.contentLength).flatMap({ Int($0) }), length > Self.maximumBody {
            throw HTTPError(.contentTooLarge)
        }
        let buffer = try await BodyTime.limit { try await request.body.collect(upTo: Self.maximumBody) }
        return Data(buffer.readableBytesView)
    }

    private static let decoder = JSONDecoder()
}
