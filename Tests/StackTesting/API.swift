import Foundation
import TestSupport

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// An HTTP client of the running bff.
package struct API: Sendable {
    /// The base URL of one instance; the first by default.
    package var url: String

    package init(url: String = TestStack.value("BFF_URL")) { self.url = url }

    package struct Response: @unchecked Sendable {  // `json` holds plists of immutable values
        package let status: Int
        package let headers: [String: String]
        package let body: Data
        package let json: [String: Any]

        package func header(_ name: String) -> String? { headers[name.lowercased()] }
        package var code: String { json["code"] as? String ?? "" }
        package var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }
        package var fields: [String] { (json["errors"] as? [[String: Any]] ?? []).compactMap { $0["field"] as? String } }
        package func text(_ key: String) -> String { json[key] as? String ?? "" }
        package func number(_ key: String) -> Int { json[key] as? Int ?? -1 }

        /// - Throws: ``NotYet`` with the body, unless the status is one of these.
        package func expectStatus(_ statuses: Int...) throws {
            if !statuses.contains(status) { throw NotYet(description: "\(status): \(String(decoding: body, as: UTF8.self))") }
        }
    }

    /// Sends a request and returns the response.
    ///
    /// - Parameter json: the body; `nil` for none.
    package func send(
        _ method: String, _ path: String, json: [String: Any]? = nil, token: String? = nil, headers: [String: String] = [:]
    ) async throws -> Response {
        guard let address = URL(string: url + path) else { throw NotYet(description: "\(url + path) is not a URL") }
        var request = URLRequest(url: address, timeoutInterval: 30)
        request.httpMethod = method
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let json {
            request.httpBody = try JSONSerialization.data(withJSONObject: json)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        }
        let (data, response) = try await Self.session.data(for: request)
        guard let response = response as? HTTPURLResponse else { throw NotYet(description: "no HTTP response") }
        let headers = response.allHeaderFields.reduce(into: [String: String]()) { $0["\($1.key)".lowercased()] = "\($1.value)" }
        let object = (try? JSONSerialization.jsonObject(with: data) as? [String: Any]) ?? [:]
        return Response(status: response.statusCode, headers: headers, body: data, json: object)
    }

    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.httpMaximumConnectionsPerHost = 64
        return URLSession(configuration: configuration)
    }()
}
