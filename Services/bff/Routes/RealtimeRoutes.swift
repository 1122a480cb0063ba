import Bus
import Contracts
import Edge
import HTTPTypes
import Realtime

/// The address of the caller's live connections.
struct RealtimeRoutes {
    let routes: RouteTable

    var endpoints: [Endpoint] { [.get("/v1/realtime", endpoint)] }

    private struct RealtimeEndpoint: Encodable, Sendable {
        let url: String
        let partition: Int
    }

    private func endpoint(_ request: APIRequest) async throws -> APIResponse {
        guard let place = routes.place(of: try request.caller.userID), let instance = place.instance else {
            throw Problem.unavailable("Live connections are not available at the moment. Retry in a few seconds.")
        }
        var response = try APIResponse.json(RealtimeEndpoint(url: instance.url, partition: place.partition))
        // The instance of a partition changes without notice.
        response.headers[.cacheControl] = "no-store"
        return response
    }
}
