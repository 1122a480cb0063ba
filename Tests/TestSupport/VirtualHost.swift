import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A RabbitMQ virtual host of one test, managed over the test broker's management API.
package struct VirtualHost: Sendable {
    package let name: String

    /// Creates a host, runs `body`, and deletes the host with its content.
    package static func with<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (VirtualHost) async throws -> Result
    ) async throws -> Result {
        let host = VirtualHost(name: TestStack.uniqueName("vhost"))
        try await management("PUT", "vhosts/\(host.name)")
        do {
            let result = try await body(host)
            try await management("DELETE", "vhosts/\(host.name)")
            return result
        } catch {
            _ = try? await management("DELETE", "vhosts/\(host.name)")
            throw error
        }
    }

    /// Creates the exchanges of the bus, as the stack's bootstrap does.
    package func makeExchanges() async throws {
        for (exchange, kind) in [
            "rpc": "topic", "replies": "direct", "events": "topic", "notices": "topic", "dead": "topic", "delivery": "topic",
        ] {
            try await Self.management(
                "PUT", "exchanges/\(name)/martlet.\(exchange)", body: #"{"type":"\#(kind)","durable":true}"#)
        }
    }

    /// Sends a request to the management API, as its administrator. Paths are below `/api/`, percent-encoded.
    ///
    /// Requests are idempotent and are repeated after a 5xx status, which concurrent requests for connections
    /// can cause.
    ///
    /// - Throws: ``ManagementError`` for any other status from 300, except a 404 of a repeated deletion.
    @discardableResult
    package static func management(_ method: String, _ path: String, body: String? = nil) async throws -> Data {
        let server = TestStack.rabbitmq
        guard let url = URL(string: "http://\(server.host):\(TestStack.rabbitmqManagementPort)/api/\(path)") else {
            throw ManagementError(description: "\(path) is not a valid path")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = body.map { Data($0.utf8) }
        let credentials = Data("\(server.user):\(server.password)".utf8).base64EncodedString()
        request.setValue("Basic \(credentials)", forHTTPHeaderField: "Authorization")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        var isRepeated = false
        return try await eventually("an answer to \(method) \(path)") {
            let (data, response) = try await URLSession.shared.data(for: request)
            let status = (response as? HTTPURLResponse)?.statusCode ?? 0
            if status < 300 || isRepeated && method == "DELETE" && status == 404 { return data }
            guard status >= 500 else {
                throw ManagementError(description: "\(method) \(path): \(status) \(String(decoding: data, as: UTF8.self))")
            }
            isRepeated = true
            return nil
        }
    }
}

package struct ManagementError: Error, CustomStringConvertible {
    package let description: String
}
