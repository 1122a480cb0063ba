import Contracts
import TestSupport
import Testing

@testable import Messaging

@Suite("Handshakes", .timeLimit(.minutes(1))) struct HandshakeTests {
    private static let token = "Authorization: Bearer 1.2"

    /// The response to a request that is rejected.
    private func rejection(_ gateway: TestGateway, _ path: String, headers: [String], method: String = "GET") async throws
        -> (status: String, head: String, body: String)
    {
        let client = try await RawClient.connect(to: gateway.port)
        let head = try await client.requestUpgrade(path, headers, method: method)
        let body = await client.readToEnd()
        return (String(head.split(separator: " ")[1]), head, body)
    }

    @Test("the subprotocol is selected when it is offered; the token is a subprotocol or in the header")
    func accepted() async throws {
        try await TestGateway.with { gateway in
            let offers = [
                ([Self.token], false), ([Self.token, "Sec-WebSocket-Protocol: martlet.v1"], true),
                (["Sec-WebSocket-Protocol: martlet.v1, bearer.1.2"], true),
                (["Sec-WebSocket-Protocol: bearer.1.2", "Sec-WebSocket-Protocol: other, martlet.v1"], true),
            ]
            for (headers, isSelected) in offers {
                for path in ["/", "/rt/anything", "/v1/realtime?resume=x.1"] {
                    let client = try await RawClient.connect(to: gateway.port)
                    let head = try await client.requestUpgrade(path, headers)
                    #expect(head.hasPrefix("HTTP/1.1 101 "))
                    #expect(head.lowercased().contains("sec-websocket-protocol: martlet.v1\r\n") == isSelected)
                    #expect(!head.contains("bearer"))
                    #expect(try await client.nextText().type == "hello")
                }
            }
        }
    }

    @Test("a rejected client gets a problem with the reason and the request id")
    func rejected() async throws {
        try await TestGateway.with { gateway in
            let bad: [(path: String, headers: [String], status: String, code: String)] = [
                ("/rt/x", headers: [], "401", "unauthenticated"),
                ("/rt/x", headers: ["Authorization: Bearer expired"], "401", "unauthenticated"),
                ("/rt/x", headers: ["Sec-WebSocket-Protocol: martlet.v1, bearer.expired"], "401", "unauthenticated"),
                ("/rt/x", headers: ["Sec-WebSocket-Protocol: martlet.v1"], "401", "unauthenticated"),
                // Browsers reject a response that selects none of the subprotocols that they offer.
                ("/rt/x", headers: ["Sec-WebSocket-Protocol: bearer.1.2"], "400", "malformed"),
                ("/rt/x", headers: ["Sec-WebSocket-Protocol: martlet.v2, bearer.1.2"], "400", "malformed"),
                ("/rt/x", headers: [Self.token, "Sec-WebSocket-Protocol: other"], "400", "malformed"),
                ("/rt", [Self.token], "404", "notFound"), ("/rt/x/y", headers: [Self.token], "404", "notFound"),
            ]
            for one in bad {
                let answer = try await rejection(gateway, one.path, headers: one.headers)
                #expect(answer.status == one.status, "\(one)")
                #expect(answer.body.contains("\"code\":\"\(one.code)\""), "\(one)")
                #expect(answer.head.contains("application/problem+json"))
                let id = try #require(answer.head.firstMatch(of: /\r\nX-Request-ID: ([0-9a-f]{16})\r\n/)?.output.1)
                #expect(answer.body.contains("\"requestId\":\"\(id)\""), "\(one)")
            }
            for method in ["GET", "POST"] {
                let answer = try await rejection(gateway, "/rt/x/y", headers: ["X-Request-ID: my-request.1"], method: method)
                #expect(answer.head.contains("X-Request-ID: my-request.1\r\n"))
                #expect(answer.body.contains("\"requestId\":\"my-request.1\""))
            }
            #expect(try await rejection(gateway, "/rt/x", headers: [Self.token], method: "POST").status == "426")
        }
    }

    @Test("without a lease every client gets 503, so that a load balancer can try another instance")
    func shut() async throws {
        try await TestGateway.with { gateway in
            await gateway.actor.tick(now: .now + .seconds(700))
            let answer = try await rejection(gateway, "/rt/x", headers: [Self.token])
            #expect(answer.status == "503" && answer.head.contains("Retry-After: 1\r\n"))
            // An invalid token comes first: the client must refresh it.
            for headers in [[], ["Authorization: Bearer expired"]] {
                #expect(try await rejection(gateway, "/rt/x", headers: headers).status == "401")
            }
            await gateway.assign(TestGateway.everything, epoch: 1)
            _ = try await gateway.client(1)
        }
    }
}
