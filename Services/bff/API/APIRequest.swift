import Contracts
import Edge
import Foundation
import HTTPTypes
import Hummingbird
import ServiceKit

/// A request as a handler sees it: its parts, typed and checked for shape. The services check the values.
struct APIRequest: Sendable {
    let request: Request
    let context: APIContext
    let pages: PageSizes

    /// Set on every route that is not ``Endpoint/Access/anonymous``.
    var caller: Caller {
        get throws {
            guard let caller = context.caller else { throw TokenError.missing }
            return caller
        }
    }

    func header(_ name: HTTPField.Name) -> String? { request.headers[name] }

    /// An id in the path.
    ///
    /// - Throws: 404 if the text is not an id.
    func id<ID: Identifier>(_ name: String, as: ID.Type = ID.self) throws -> ID {
        guard let id = context.parameters.get(name).flatMap({ ID($0) }) else { throw Problem.notFound }
        return id
    }

    /// A path parameter as text, percent-decoded.
    func segment(_ name: String) throws -> String {
        guard let segment = context.parameters.get(name)?.removingPercentEncoding else { throw Problem.notFound }
        return segment
    }

    /// The first query parameter of this name; `nil` when absent.
    func query(_ name: String) throws -> String? { try request.uri.query.flatMap { try QueryString($0).value(of: name) } }

    /// A query parameter that must be a whole number; `nil` when absent.
    func number(_ name: String) throws -> Int64? {
        guard let text = try query(name) else { return nil }
        guard let number = Int64(text) else { throw Problem.invalid(name, "must be a whole number") }
        return number
    }

    /// The number of items of a page: the requested one, 1 to 100, limited to the deployment's present
    /// maximum.
    func limit() throws -> Int {
        guard let limit = try number("limit") else { return pages.usual }
        guard (1...100).contains(limit) else { throw Problem.invalid("limit", "must be 1 to 100") }
        return min(Int(limit), pages.most)
    }

    /// The text of an account's `ETag`. It contains the user, because the same path shows every user their
    /// own account.
    static func accountTag(_ user: UserID, _ version: Int64) -> String { "\(user).\(version)" }

    /// The version of the caller's own account that `If-Match` names.
    func expectedVersion() throws -> Int64 {
        let user = try caller.userID
        return try expected { tag in
            let parts = tag.split(separator: ".")
            guard parts.count == 2, let version = Int64(parts[1]), tag == Self.accountTag(user, version) else { return nil }
            return version
        }
    }

    /// The version that `If-Match` names.
    ///
    /// - Parameter version: reads the version from a tag; `nil` if the server never gave out such a tag.
    /// - Throws: 428 without the field, 412 if it is not a single tag with a version.
    func expected(_ version: (Substring) -> Int64?) throws -> Int64 {
        guard let tags = EntityTags(header(.ifMatch)) else {
            throw Problem(
                .preconditionRequired, code: "preconditionRequired",
                detail: "Send the ETag of the version that you have read as If-Match.")
        }
        guard let version = tags.onlyStrong.flatMap(version) else {
            throw Problem(
                .preconditionFailed, code: "stale",
                detail: "If-Match is not the present ETag. Read the resource again, then repeat the change.")
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
    /// - Throws: 400 if the body is not a JSON object; 422 with every field that is missing or of the wrong
    ///   type.
    func body<Value: JSONBody>(_: Value.Type = Value.self) async throws -> Value {
        let data = try await collected()
        do {
            return try Self.decoder.decode(Value.self, from: data)
        } catch {
            throw Value.problem(with: data, error)
        }
    }

    /// The body, which ``RequestAssembly`` has bounded and which has arrived.
    private func collected() async throws -> Data {
        do {
            return Data(try await request.body.collect(upTo: RequestAssembly.maximumBody).readableBytesView)
        } catch { throw Problem.bodyTooLarge }
    }

    private static let decoder = JSONDecoder()
}
