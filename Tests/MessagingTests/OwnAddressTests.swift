import ServiceKit
import Testing

@testable import Messaging

@Suite("The URL of the instance") struct OwnAddressTests {
    private static func address(_ host: String, _ port: Int) throws -> String {
        let http = HTTPSettings(host: host, port: port, connections: 1, requests: 1, patience: .zero)
        return try MessagingSettings.address(of: http, instance: "messaging-1")
    }

    @Test("the default is the address that the instance listens on; IPv6 addresses are bracketed")
    func own() throws {
        #expect(try Self.address("127.0.0.1", 8_084) == "ws://127.0.0.1:8084/rt/messaging-1")
        #expect(try Self.address("chat.example", 80) == "ws://chat.example:80/rt/messaging-1")
        #expect(try Self.address("fd00::7", 8_084) == "ws://[fd00::7]:8084/rt/messaging-1")
    }

    @Test(
        "the URL must be set if the instance listens on every address or a random port",
        arguments: [("0.0.0.0", 8_084), ("::", 8_084), ("127.0.0.1", 0)])
    func unknown(host: String, port: Int) throws {
        let error = #expect(throws: ConfigurationError.self) { try Self.address(host, port) }
        #expect(error?.description.contains("MARTLET_MESSAGING_URL") == true)
    }
}
