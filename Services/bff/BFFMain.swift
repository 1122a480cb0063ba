import Bus
import Contracts
import Hummingbird
import HummingbirdCore
import Logging
import ServiceKit

@main enum BFFMain {
    static func main() async {
        await Bootstrap.main("bff") { kit in
            let (http, bus) = (try HTTPSettings(kit.settings), try kit.bus())
            let (haveKeys, caughtUp) = (kit.health.flag("keys", .own), kit.health.flag("revocations", .own))
            let keys = KeySet(bus: bus, logger: kit.logger) { haveKeys.set(.up) }
            let revocations = Revocations()
            let feed = RevocationFeed(revocations, bus: bus, logger: kit.logger) { caughtUp.set(.up) }
            bus.listen(feed.broadcast)
            let api = BFF(bus: bus, keys: keys, verifier: TokenVerifier(keys: keys, revocations: revocations))
            let server = Application(
                responder: api.responder(admission: kit.admission("http", limit: 512, queue: 512, wait: .milliseconds(500))),
                server: HTTPServerBuilder { APIChannel(responder: $0) },
                configuration: ApplicationConfiguration(address: .hostname(http.host, port: http.port), serverName: "martlet"),
                logger: kit.logger)
            try await kit.run([bus, kit.consuming(bus), keys, feed, server])
        }
    }
}
