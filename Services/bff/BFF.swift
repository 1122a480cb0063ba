import Contracts
import Bus
import Edge
import Hummingbird
import Logging
import Realtime
import ServiceKit

/// The public HTTP API: every route, over one bus. `openapi.json` documents exactly these routes.
struct BFF {
    let bus: any ProcedureCaller
    let keys: KeySet
    let verifier: any TokenVerifying
    let routes: RouteTable
    /// Learns of a revocation by this process at once; other processes learn of it through events.
    let revocations: Revocations
    var pages = CurrentValue(PageSizes())

    var endpoints: [Endpoint] {
        UserRoutes(bus: bus, profiles: ProfileCache(bus: bus)).endpoints
            + SessionRoutes(bus: bus, routes: routes, revocations: revocations).endpoints
            + AccountRoutes(bus: bus).endpoints
            + ContactRoutes(bus: bus).endpoints + ChatRoutes(bus: bus).endpoints + MessageRoutes(bus: bus).endpoints
            + ConfigRoutes(bus: bus).endpoints + RealtimeRoutes(routes: routes).endpoints + MetaRoutes(keys: keys).endpoints
    }

    func responder(admission: Admission, logger: Logger) -> APIResponder {
        APIResponder(endpoints: endpoints, verifier: verifier, pages: pages, admission: admission, logger: logger)
    }
}
