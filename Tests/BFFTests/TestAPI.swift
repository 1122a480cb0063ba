import Bus
import BusTesting
import Contracts
import Edge
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Realtime
import ServiceKit

@testable import BFF

/// The whole API over a stubbed bus, without a socket. `Bearer ada` is signed in as user 1 in session 2, `Bearer root` as user 3, an admin.
struct TestAPI {
    static let ada = Caller(userID: UserID(rawValue: 1), sessionID: SessionID(rawValue: 2), roles: [])
    static let root = Caller(userID: UserID(rawValue: 3), sessionID: SessionID(rawValue: 4), roles: [.admin])
    let bus = StubBus()
    let revocations = Revocations()
    let routes: RouteTable
    let responder: APIResponder

    init(
        admission: Admission = Admission("test", limit: 100, queue: 0, wait: .seconds(1)),
        pages: CurrentValue<PageSizes> = CurrentValue(PageSizes())
    ) {
        let keys = KeySet(bus: bus, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        routes = RouteTable(bus: bus, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        responder = BFF(
            bus: bus, keys: keys, verifier: NameVerifier(), routes: routes, revocations: revocations, pages: pages
        )
        .responder(admission: admission, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    struct Answer {
        let status: Int
        let headers: HTTPFields
        let body: Data
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body) as? [String: Any]) ?? [:] }
        var code: String? { json["code"] as? String }
        /// The fields that the problem complains about.
        var fields: [String] { (json["errors"] as? [[String: Any]] ?? []).compactMap { $0["field"] as? String } }
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, body: String? = nil, bytes: [UInt8]? = nil, as name: String? = "ada",
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        var fields = headers
        if let name { fields[.authorization] = "Bearer \(name)" }
        let content = ByteBuffer(bytes: bytes ?? Array((body ?? "").utf8))
        let request = Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "test", path: path, headerFields: fields),
            body: RequestBody(buffer: content))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let context = APIContext(source: ApplicationRequestContextSource(channel: EmbeddedChannel(), logger: logger))
        let response = await responder.respond(to: request, context: context)
        let collector = Collector()
        try await response.body.write(collector)
        return Answer(status: response.status.code, headers: response.headers, body: collector.data)
    }
}

extension BFF {
    /// Every route there is.
    static var all: [Endpoint] {
        let bus = StubBus()
        let keys = KeySet(bus: bus, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let routes = RouteTable(bus: bus, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return BFF(bus: bus, keys: keys, verifier: NameVerifier(), routes: routes, revocations: Revocations()).endpoints
    }
}

private struct NameVerifier: TokenVerifying {
    func verify(_ authorization: String?) async throws -> Caller {
        switch authorization {
        case "Bearer ada": TestAPI.ada
        case "Bearer root": TestAPI.root
        default: throw TokenRefusal.absent
        }
    }
}

private final class Collector: ResponseBodyWriter {
    private(set) var data = Data()
    func write(_ buffer: ByteBuffer) async throws { data.append(contentsOf: buffer.readableBytesView) }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
