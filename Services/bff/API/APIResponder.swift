import Bus
import Contracts
import Edge
import HTTPTypes
import Hummingbird
import Logging
import ServiceKit
import Tracing

/// Handles every request: names it, routes it, turns errors into problems, and records it in the access log.
struct APIResponder: Sendable {
    /// The time to respond to a request.
    private static let timeLimit = Duration.seconds(10)

    private let router: RouterResponder<APIContext>
    private let admission: Admission
    private let accessLog: AccessLog
    /// Looked up once: the look-up among all instruments costs more than a span that is not recorded.
    private let tracer = InstrumentationSystem.tracer

    init(
        endpoints: [Endpoint], verifier: any TokenVerifying, pages: CurrentValue<PageSizes>, admission: Admission, logger: Logger
    ) {
        let authorizer = Authorizer(verifier: verifier, pages: pages)
        let router = Router(context: APIContext.self)
        for (path, endpoints) in Dictionary(grouping: endpoints, by: \.path) {
            var methods = endpoints.map(\.method)
            for endpoint in endpoints { Self.add(endpoint, method: endpoint.method, to: router, authorizer) }
            // Every resource with GET has HEAD (RFC 9110, 9.1). The connection leaves out the body.
            if let readable = endpoints.first(where: { $0.method == .get }) {
                Self.add(readable, method: .head, to: router, authorizer)
                methods.append(.head)
            }
            for method in Self.methods where !methods.contains(method) {
                Self.reject(method, at: path, allow: methods, in: router)
            }
        }
        self.router = router.buildResponder()
        self.admission = admission
        accessLog = AccessLog(logger: logger)
    }

    func respond(to request: Request, context: APIContext) async -> Response {
        let start = ContinuousClock.now
        let requestID = context.requestID.orGiven(request.headers[.requestID])
        // A new trace: clients must not decide what is recorded, nor under which trace id.
        var trace = InstrumentationContext.topLevel
        trace.requestID = requestID
        return await tracer.withSpan("http", context: trace, ofKind: .server) { span in
            var failure: (any Error)?
            var response: Response
            do {
                response = try await route(request, context)
            } catch {
                failure = error
                response = Response(APIResponse(Problem(error), requestID: requestID))
            }
            response.headers.append(HTTPField(name: .requestID, value: requestID))
            span.attributes["http.response.status_code"] = response.status.code
            accessLog.record(request, status: response.status, context: context, since: start, failure: failure)
            return response
        }
    }

    /// Routes the request, within the limits on concurrency and time.
    private func route(_ request: Request, _ context: APIContext) async throws -> Response {
        try await admission.run {
            try await Deadline.$current.withValue(.after(Self.timeLimit)) {
                let response = try await router.respond(to: Self.routable(request), context: context)
                if context.route == nil { throw Problem.notFound }
                return response
            }
        }
    }

    // MARK: Routes

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]

    /// Gives a non-standard method the fate of one that no route has.
    private static func routable(_ request: Request) -> Request {
        if methods.contains(request.method) { return request }
        var head = request.head
        head.method = .trace
        return Request(head: head, body: request.body)
    }

    private static func add(
        _ endpoint: Endpoint, method: HTTPRequest.Method, to router: Router<APIContext>, _ authorizer: Authorizer
    ) {
        router.on(RouterPath(endpoint.path), method: method) { request, context in
            let response = try await authorizer.handle(request, context, with: endpoint)
            return Response(response.encoded(for: request.headers[.acceptEncoding]))
        }
    }

    private static func reject(
        _ method: HTTPRequest.Method, at path: String, allow: [HTTPRequest.Method], in router: Router<APIContext>
    ) {
        let allowed = allow.map(\.rawValue).sorted().joined(separator: ", ")
        router.on(RouterPath(path), method: method) { _, _ -> Response in
            throw Problem(
                .methodNotAllowed, code: "methodNotAllowed", detail: "Use one of the methods \(allowed).",
                headers: [.allow: allowed])
        }
    }
}

/// Calls a handler if the request's access token permits it.
private struct Authorizer {
    let verifier: any TokenVerifying
    let pages: CurrentValue<PageSizes>

    func handle(_ request: Request, _ context: APIContext, with endpoint: Endpoint) async throws -> APIResponse {
        if case .anonymous = endpoint.access {
            return try await endpoint.handler(APIRequest(request: request, context: context, pages: pages.now))
        }
        let caller = try await verifier.verify(request.headers[.authorization])
        var context = context
        context.caller = caller
        context.identity.userID = caller.userID
        if case .admin = endpoint.access, !caller.roles.contains(.admin) { throw Problem.forbidden }
        var trace = InstrumentationContext.current ?? .topLevel
        trace.userID = caller.userID.description
        let apiRequest = APIRequest(request: request, context: context, pages: pages.now)
        return try await InstrumentationContext.withValue(trace) { try await endpoint.handler(apiRequest) }
    }
}

extension Response {
    init(_ response: APIResponse) {
        self.init(status: response.status, headers: response.completeHeaders, body: .init(byteBuffer: response.body))
    }
}
