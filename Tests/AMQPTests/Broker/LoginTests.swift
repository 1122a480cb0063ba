import Foundation
import TestSupport
import Testing

@testable import AMQP

@Suite("Logging in", .timeLimit(.minutes(2))) struct LoginTests {
    @Test("a wrong password is an error with the broker's message, and is retried")
    func password() async throws {
        try await VirtualHost.with { host in
            var endpoint = AMQPEndpoint.broker(host)
            endpoint.password = "wrong"
            let errors = try await refusals(2, endpoint)
            for error in errors {
                guard case .refused(403, let text) = error else { throw NotYet(description: "\(error)") }
                #expect(text.contains("ACCESS_REFUSED"))
                #expect(!text.contains("wrong"))
            }
        }
    }

    @Test("a missing virtual host is an error; once created, the connection succeeds")
    func vhost() async throws {
        try await VirtualHost.with { host in
            let name = "\(host.name)_later"
            var endpoint = AMQPEndpoint.broker(host)
            endpoint.vhost = name
            let errors = ValueRecorder<AMQPError>()
            try await withConnection(endpoint) { connection in
                await connection.observe { if case .disconnected(let error) = $0 { errors.add(error) } }
                try await eventually("two failed logins") { errors.count >= 2 ? () : nil }
                guard case .refused(530, let text) = errors.all[0] else { throw NotYet(description: "\(errors.all)") }
                #expect(text.contains(name))
                try await VirtualHost.management("PUT", "vhosts/\(name)")
                let channel = try await connection.opened()
                #expect(await channel.failure(.to("q", mandatory: false)) == nil)
            }
            try await VirtualHost.management("DELETE", "vhosts/\(name)")
        }
    }

    @Test("a server with another protocol is an error", arguments: Self.greetings)
    func noBroker(greeting: [UInt8]) async throws {
        let greet: @Sendable (ScriptedBroker.Client) -> Bool = { client in
            client.socket.send(greeting)
            return true
        }
        try await ScriptedBroker.with(greet: greet) { peer in
            let errors = try await refusals(2, .peer(peer.port))
            #expect(errors.allSatisfy { !$0.mayHaveHappened })
        }
    }

    private static let greetings: [[UInt8]] = [
        [], Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), Array("AMQP".utf8) + [0, 1, 0, 0],
        Frame.method(0x000A_000A, [0, 9]).bytes, [UInt8](repeating: 0xFF, count: 5_000),
        Frame.method(0x000A_000A, [0, 9] + big(UInt32.max)).bytes, [1, 0, 0] + big(UInt32.max),
        Frame.method(0x000A_000A, [0, 9] + big(UInt32(0)) + long("GSSAPI") + long("en_US")).bytes,
    ]

    @Test("a silent server fails after the connect timeout")
    func silent() async throws {
        let greet: @Sendable (ScriptedBroker.Client) -> Bool = { client in
            while !client.socket.receive().isEmpty {}
            return true
        }
        try await ScriptedBroker.with(greet: greet) { peer in
            var endpoint = AMQPEndpoint.peer(peer.port)
            endpoint.connectTimeout = .milliseconds(50)
            _ = try await refusals(2, endpoint)
        }
    }

    /// Returns the first connection errors.
    private func refusals(_ count: Int, _ endpoint: AMQPEndpoint) async throws -> [AMQPError] {
        let errors = ValueRecorder<AMQPError>()
        return try await withConnection(endpoint) { connection in
            await connection.observe { if case .disconnected(let error) = $0 { errors.add(error) } }
            try await eventually("\(count) failed logins") { errors.count >= count ? () : nil }
            #expect(await !connection.isReady)
            return Array(errors.all.prefix(count))
        }
    }
}
