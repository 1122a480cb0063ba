import Bus
import Edge
import ServiceKit

@main enum BFFMain {
    static func main() async {
        await Bootstrap.main("bff") { kit in
            let (http, bus) = (try HTTPSettings(kit.settings), try kit.bus())
            let dynamic = try kit.dynamic(bus)
            let (haveKeys, caughtUp) = (kit.health.flag("keys", .own), kit.health.flag("revocations", .own))
            let keys = KeySet(bus: bus, logger: kit.logger) { haveKeys.set(.up) }
            let revocations = Revocations()
            let feed = RevocationFeed(revocations, bus: bus, logger: kit.logger, onCaughtUp: { caughtUp.set(.up) })
            bus.listen(feed.broadcast)
            kit.health.add("revocationFeed", .dependency) {
                .feed(silentFor: revocations.silence, patience: Revocations.patience)
            }
            let calls = GuardedCalls(bus: bus, kit: kit, atOnce: max(1, http.requests * 3 / 4))
            let routes = RouteTable(bus: bus, logger: kit.logger)
            bus.listen(routes.broadcast)
            let api = BFF(
                bus: calls, keys: keys, verifier: TokenVerifier(keys: keys, revocations: revocations), routes: routes,
                revocations: revocations, pages: try dynamic.live(PageSizes.self))
            let admission = kit.admission("http", limit: http.requests, queue: http.requests, wait: http.patience)
            let server = HTTPServer(
                channel: APIChannel(responder: api.responder(admission: admission, logger: kit.logger), logger: kit.logger),
                settings: http, logger: kit.logger)
            try await kit.run([bus, kit.consuming(bus), dynamic, keys, feed, routes, server])
        }
    }
}
