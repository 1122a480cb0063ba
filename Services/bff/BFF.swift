import Bus
import Edge
import Hummingbird
import Logging
import Realtime
import ServiceKit

/// The public HTTP API, put together: every route over one bus. `openapi.json` documents all of it, and nothing else.
struct BFF {
    let bus: any ProcedureCaller
    let keys: KeySet
    let verifier: any TokenVerifying
    let routes: RouteTable
    /// Learns at once of what is revoked here; the others hear of it.
    let revocations: Revocations
    var pages = CurrentValue(PageSizes())

    var endpoints: [Endpoint] {
        UserRoutes(bus: bus, profiles: Profiles(bus: bus)).endpoints
            + SessionRoutes(bus: bus, routes: routes, revocations: revocations).endpoints
            + AccountRoutes(bus: bus).endpoints
            + ContactRoutes(bus: bus).endpoints + ChatRoutes(bus: bus).endpoints + MessageRoutes(bus: bus).endpoints
            + ConfigRoutes(bus: bus).endpoints + RealtimeRoutes(routes: routes).endpoints + MetaRoutes(keys: keys).endpoints
    }

    func responder(admission: Admission, logger: Logger) -> APIResponder {
        APIResponder(endpoints: endpoints, verifier: verifier, pages: pages, admission: admission, logger: logger)
    }
}
