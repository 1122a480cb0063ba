import TestSupport
import Testing

@testable import AMQP

@Suite("TLS to the broker", .timeLimit(.minutes(2))) struct TLSTests {
    private func endpoint(_ host: VirtualHost, _ tls: AMQPTLS) -> AMQPEndpoint {
        var endpoint = AMQPEndpoint.broker(host, port: TestStack.rabbitmqTLSPort)
        endpoint.tls = tls
        return endpoint
    }

    @Test("with the right authority, large bodies and many messages are transferred")
    func works() async throws {
        try await VirtualHost.with { host in
            let tls = AMQPTLS(authorities: TestStack.certificateAuthority)
            try await withConnection(endpoint(host, tls)) { connection in
                let seen = ValueRecorder<AMQPDelivery>()
                let consumer = AMQPConsumer(queue: AMQPQueue("q"), noAck: true) { seen.add($0) }
                let channel = try await connection.opened(AMQPChannelSetup(name: "test", consumers: [consumer]))
                let large = String(repeating: "0123456789", count: 200_000)
                await withTaskGroup { group in
                    for number in 0..<100 { group.addTask { await channel.failure(.to("q", "\(number)")) } }
                    group.addTask { await channel.failure(.to("q", large)) }
                    for await failure in group { #expect(failure == nil) }
                }
                try await eventually("all deliveries") { seen.count == 101 ? () : nil }
                #expect(Set(seen.all.map(\.text)) == Set((0..<100).map(String.init) + [large]))
            }
        }
    }

    @Test("a closed connection comes back, encrypted again")
    func reconnects() async throws {
        try await VirtualHost.with { host in
            try await withConnection(endpoint(host, AMQPTLS(authorities: TestStack.certificateAuthority))) { connection in
                let channel = try await connection.opened()
                let lost = OneShotSignal<Void>()
                await connection.observe { if case .disconnected = $0 { lost.send() } }
                try await host.closeConnections()
                await lost.value
                try await channel.opened()
                #expect(await channel.failure(.to("q", mandatory: false)) == nil)
            }
        }
    }

    @Test("a certificate of an unknown authority is rejected", arguments: [AMQPTLS(), AMQPTLS(authorities: "/nowhere.pem")])
    func unknownAuthority(tls: AMQPTLS) async throws {
        try await VirtualHost.with { host in try await expectRefusals(endpoint(host, tls)) }
    }

    @Test("a certificate for another host is rejected; the expected name is configurable")
    func names() async throws {
        try await VirtualHost.with { host in
            try await Proxy.with(host: 2, to: TestStack.rabbitmqTLSPort) { proxy in
                var endpoint = endpoint(host, AMQPTLS(authorities: TestStack.certificateAuthority))
                (endpoint.host, endpoint.port) = ("127.0.0.2", proxy.port)
                try await expectRefusals(endpoint)
                endpoint.tls?.serverName = "other.example"
                try await expectRefusals(endpoint)
                endpoint.tls?.serverName = "localhost"
                try await withConnection(endpoint) { _ = try await $0.opened() }
            }
        }
    }

    private func expectRefusals(_ endpoint: AMQPEndpoint) async throws {
        let errors = ValueRecorder<AMQPError>()
        try await withConnection(endpoint) { connection in
            await connection.observe { if case .disconnected(let error) = $0 { errors.add(error) } }
            try await eventually("two failed connections") { errors.count >= 2 ? () : nil }
            #expect(await !connection.isConnected)
        }
        #expect(errors.all.prefix(2).allSatisfy { "\($0)".contains("with TLS") })
    }

    @Test("a server without TLS is rejected, and a silent one times out")
    func noTLS() async throws {
        try await VirtualHost.with { host in
            var endpoint = endpoint(host, AMQPTLS(authorities: TestStack.certificateAuthority))
            endpoint.port = TestStack.rabbitmq.port
            endpoint.connectTimeout = .seconds(1)
            let lost = OneShotSignal<AMQPError>()
            try await withConnection(endpoint) { connection in
                await connection.observe { if case .disconnected(let error) = $0 { lost.send(error) } }
                #expect(await lost.value.mayHaveHappened == false)
            }
        }
    }
}
