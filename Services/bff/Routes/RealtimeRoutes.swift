import Bus
import Contracts
import Edge
import HTTPTypes
import Realtime

/// Where live connections are made.
struct RealtimeRoutes {
    let routes: RouteTable

    var endpoints: [Endpoint] { [.get("/v1/realtime", .signedIn, place)] }

    private struct Place: Encodable, Sendable {
        let url: String
        let partition: Int
    }

    private func place(_ call: Call) async throws -> Reply {
        guard let place = routes.place(of: try call.caller.userID), let instance = place.instance else {
            throw Problem.unavailable("There is nobody to connect to at the moment.")
        }
        var reply = try Reply.json(Place(url: instance.url, partition: place.partition))
        // It may be another at any time.
        reply.headers[.cacheControl] = "no-store"
        return reply
    }
}
