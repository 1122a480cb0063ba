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

    private func place(_ request: APIRequest) async throws -> APIResponse {
        guard let place = routes.place(of: try request.caller.userID), let instance = place.instance else {
            throw Problem.unavailable("There is nobody to connect to at the moment.")
        }
        var response = try APIResponse.json(Place(url: instance.url, partition: place.partition))
        // It may be another at any time.
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
