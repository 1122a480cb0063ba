import Bus
import Edge
import Realtime
import ServiceKit

@main enum BFFMain {
    static func main() async {
        await Bootstrap.main("bff") { context in
            let (http, bus) = (try HTTPSettings(context.settings), try context.bus())
            let dynamic = try context.dynamic(bus)
            let (haveKeys, caughtUp) = (context.health.flag("keys", .own), context.health.flag("revocations", .own))
            let keys = KeySet(bus: bus, logger: context.logger) { haveKeys.set(.up) }
            let revocations = Revocations()
            let feed = RevocationFeed(revocations, bus: bus, logger: context.logger, onCaughtUp: { caughtUp.set(.up) })
            bus.subscribe(feed.subscription)
            context.health.add("revocationFeed", .dependency) {
                .feed(silentFor: revocations.silence, patience: Revocations.patience)
            }
            let calls = GuardedCalls(bus: bus, context: context, atOnce: max(1, http.requests * 3 / 4))
            let routes = RouteTable(bus: bus, logger: context.logger)
            bus.subscribe(routes.subscription)
            let api = BFF(
                bus: calls, keys: keys, verifier: TokenVerifier(keys: keys, revocations: revocations), routes: routes,
                revocations: revocations, pages: try dynamic.current(PageSizes.self))
            let admission = context.admission("http", limit: http.requests, queue: http.requests, wait: http.patience)
            let server = HTTPServer(
                channel: APIChannel(
                    responder: api.responder(admission: admission, logger: context.logger), logger: context.logger),
                settings: http, logger: context.logger)
            try await context.run([bus, context.consuming(bus), dynamic, keys, feed, routes, server])
        }
    }
}
