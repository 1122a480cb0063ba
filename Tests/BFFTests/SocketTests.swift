import Contracts
import Foundation
import Testing

@testable import BFF

@Suite("HTTP over a socket") struct SocketTests {
    private static let last = "GET /v2/nothing HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n"

    private func statuses(_ answer: String) -> [String] {
        let heads = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
        return heads.filter { $0.allSatisfy(\.isNumber) }
    }

    @Test("pipelined requests are answered in order, and the last one closes the connection")
    func pipelining() async throws {
        let answer = try await TestServer.with { edge in
            try await edge.exchange(
                "GET /openapi.json HTTP/1.1\r\nHost: m\r\n\r\nPOST /v1/sessions HTTP/1.1\r\nHost: m\r\nContent-Length: 1\r\n\r\n{"
                    + Self.last)
        }
        #expect(statuses(answer) == ["200", "400", "404"])
        #expect(answer.contains("connection: close"))
        #expect(answer.contains(#""code":"malformed""#))
    }

    @Test(
        "bytes that are not HTTP get a problem, and the connection closes",
        arguments: [
            ("hello\r\n\r\n", "400"), ("FOO / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nA b: c\r\n\r\n", "400"),
            ("GET /openapi.json HTTP/1.1\r\n\r\n", "400"), ("GET /openapi.json HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
            ("POST /v1/users HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
            ("POST /v1/users HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nLong: " + String(repeating: "x", count: 20_000) + "\r\n\r\n", "431"),
            ("GET / HTTP/1.1\r\n" + (0..<120).map { "H\($0): x\r\n" }.joined() + "\r\n", "431"),
        ])
    func noHTTP(text: String, status: String) async throws {
        let answer = try await TestServer.with { try await $0.exchange(text) }
        #expect(statuses(answer) == [status])
        #expect(answer.contains("application/problem+json"))
    }

    @Test(
        "a body of more than 64 KiB is 413 on every route, declared or not, and the connection closes",
        arguments: ["POST /v1/users", "GET /v1/me", "DELETE /nothing"])
    func tooLarge(route: String) async throws {
        let chunk = "4000\r\n" + String(repeating: "x", count: 0x4000) + "\r\n"
        try await TestServer.with { edge in
            let declared = try await edge.exchange("\(route) HTTP/1.1\r\nHost: m\r\nContent-Length: 65537\r\n\r\n")
            let chunked = try await edge.exchange(
                "\(route) HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: chunk, count: 5))
            for answer in [declared, chunked] {
                #expect(statuses(answer) == ["413"])
                #expect(answer.contains(#""code":"tooLarge""#))
            }
        }
    }

    @Test("a body of 64 KiB is accepted, in chunks too")
    func borders() async throws {
        let text = String(repeating: " ", count: 65_534) + "[]"
        try await TestServer.with { edge in
            let whole = try await edge.exchange(
                "POST /v1/sessions HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: 65536\r\n\r\n", text)
            let chunked = try await edge.exchange(
                "POST /v1/sessions HTTP/1.1\r\nHost: m\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
                "10000\r\n", text, "\r\n0\r\n\r\n")
            #expect(statuses(whole) == ["400"])
            #expect(statuses(chunked) == ["400"])
        }
    }

    @Test("a client that expects 100 Continue gets it")
    func expectation() async throws {
        let answer = try await TestServer.with { edge in
            try await edge.exchange(
                "POST /v1/sessions HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
                "[]")
        }
        #expect(statuses(answer) == ["100", "400"])
    }

    @Test("a request for an upgrade is answered without one, and the connection closes")
    func upgrade() async throws {
        let answer = try await TestServer.with { edge in
            try await edge.exchange(
                "GET /openapi.json HTTP/1.1\r\nHost: m\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
            )
        }
        #expect(statuses(answer) == ["200"])
    }

    @Test("a large response is compressed for clients that accept it, for HEAD too")
    func compression() async throws {
        try await TestServer.with { edge in
            let end = "Host: m\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
            let whole = try await edge.exchange("GET /openapi.json HTTP/1.1\r\n" + end)
            let head = try await edge.exchange("HEAD /openapi.json HTTP/1.1\r\n" + end)
            #expect(whole.lowercased().contains("content-encoding: gzip") && whole.lowercased().contains("vary: accept-encoding"))
            #expect(head.hasSuffix("\r\n\r\n") && head.lowercased().contains("content-encoding: gzip"))
            let plain = try await edge.exchange(
                "GET /openapi.json HTTP/1.1\r\nHost: m\r\nAccept-Encoding: gzip;q=0\r\nConnection: close\r\n\r\n")
            #expect(plain.contains("\"openapi\"") && !plain.lowercased().contains("content-encoding"))
        }
    }

    @Test("every response has a date, a length and the request id")
    func headers() async throws {
        let answer = try await TestServer.with { try await $0.exchange(Self.last) }
        for name in ["date: ", "content-length: ", "x-request-id: "] { #expect(answer.lowercased().contains(name)) }
    }
}
