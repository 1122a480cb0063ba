import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Edge
import ServiceKit

/// A request as a handler sees it: its parts, typed and checked for shape. Whether values make sense is for the services to say.
struct APIRequest: Sendable {
    let request: Request
    let context: APIContext
    let pages: PageSizes

    /// Who asks. Only on routes for those who are signed in.
    var caller: Caller {
        get throws {
            guard let caller = context.caller else { throw TokenError.missing }
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

    /// A field of the query, the first of that name; `nil` when absent.
    func query(_ name: String) throws -> String? { try request.uri.query.flatMap { try QueryString($0).value(of: name) } }

    /// A whole number in the query.
    func number(_ name: String) throws -> Int64? {
        guard let text = try query(name) else { return nil }
        guard let number = Int64(text) else { throw Problem.invalid(name, "must be a whole number") }
        return number
    }

    /// How many items a page has: as many as are asked for, 1…100, but no more than this deployment gives at present.
    func limit() throws -> Int {
        guard let limit = try number("limit") else { return pages.usual }
        guard (1...100).contains(limit) else { throw Problem.invalid("limit", "must be 1 to 100") }
        return min(Int(limit), pages.most)
    }

    /// What names a version of an account as its `ETag`: whose it is, too, as one address shows everybody their own.
    static func accountTag(_ user: UserID, _ version: Int64) -> String { "\(user).\(version)" }

    /// The version that a change to the caller's own account is meant for, out of `If-Match`.
    func expectedVersion() throws -> Int64 {
        let user = try caller.userID
        return try expected { tag in
            let parts = tag.split(separator: ".")
            guard parts.count == 2, let version = Int64(parts[1]), tag == Self.accountTag(user, version) else { return nil }
            return version
        }
    }

    /// What a change is meant for, out of `If-Match`.
    ///
    /// - Parameter version: what a tag of ours says; `nil` for one that we have not given out.
    func expected(_ version: (Substring) -> Int64?) throws -> Int64 {
        guard let tags = EntityTags(header(.ifMatch)) else {
            throw Problem(.preconditionRequired, "preconditionRequired", "Send the ETag of what you have read as If-Match.")
        }
        guard let version = tags.onlyStrong.flatMap(version) else {
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
    /// - Throws: ``Problem``: 400 when it is no JSON object, 413 above 64 KiB, 422 with every field that is missing or of the wrong type.
    func body<Value: JSONBody>(_: Value.Type = Value.self) async throws -> Value {
        let buffer = try await collected()
        do {
            return try Self.decoder.decode(Value.self, from: buffer)
        } catch {
            throw Value.problem(with: buffer, error)
        }
    }

    /// What has arrived already; see ``RequestAssembly``.
    private func collected() async throws -> Data {
        do {
            return Data(try await request.body.collect(upTo: RequestAssembly.maximumBody).readableBytesView)
        } catch { throw Problem.tooLarge }
    }

    private static let decoder = JSONDecoder()
}
