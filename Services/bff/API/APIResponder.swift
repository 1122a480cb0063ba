import Bus
import HTTPTypes
import Hummingbird
import ServiceKit
import Tracing

/// The one place that every request passes: names it, answers whatever goes wrong as a problem, and logs it.
struct APIResponder: HTTPResponder {
    private let router: RouterResponder<APIContext>
    private let admission: Admission

    init(endpoints: [Endpoint], verifier: any TokenVerifying, admission: Admission) {
        let router = Router(context: APIContext.self)
        router.add(middleware: RouterErrors())
        let paths = Dictionary(grouping: endpoints, by: \.path)
        for (path, endpoints) in paths {
            var methods = endpoints.map(\.method)
            for endpoint in endpoints { Self.add(endpoint, endpoint.method, to: router, verifier) }
            // Whatever can be read can be asked for its head (RFC 9110, 9.1); the body is left out at the end.
            if let reading = endpoints.first(where: { $0.method == .get }) {
                Self.add(reading, .head, to: router, verifier)
                methods.append(.head)
            }
            for method in Self.methods where !methods.contains(method) { Self.refuse(method, path, allow: methods, in: router) }
        }
        self.router = router.buildResponder()
        self.admission = admission
    }

    func respond(to request: Request, context: APIContext) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = context.requestID.orGiven(request.headers[.requestID])
        var response: Response
        var failure: (any Error)?
        do {
            response = try await answer(request, context, requestID)
        } catch {
            failure = error
            response = Response(Problem(error).reply(requestID: requestID))
        }
        response.headers[.requestID] = requestID
        if request.method == .head { response = Response(status: response.status, headers: response.headers) }
        AccessLog(request, response.status, requestID, context, since: start, failure).write()
        return response
    }

    /// All that one request may cost: a place among those at work, its time, a span.
    private func answer(_ request: Request, _ context: APIContext, _ requestID: String) async throws -> Response {
        var trace = ServiceContext.topLevel
        InstrumentationSystem.tracer.extract(request.headers, into: &trace, using: HeaderExtractor())
        trace.requestID = requestID
        return try await withSpan("http", context: trace, ofKind: .server) { span in
            let response = try await admission.run {
                try await Deadline.$current.withValue(.after(Self.time)) {
                    try await router.respond(to: request, context: context)
                }
            }
            span.attributes["http.response.status_code"] = response.status.code
            return response
        }
    }

    /// What an answer may take.
    private static let time = Duration.seconds(10)

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]

    private static func add(
        _ endpoint: Endpoint, _ method: HTTPRequest.Method, to router: Router<APIContext>, _ verifier: any TokenVerifying
    ) {
        router.on(RouterPath(endpoint.path), method: method) { request, context in
            var context = context
            if case .signedIn = endpoint.access { context.caller = try await verifier.verify(request.headers[.authorization]) }
            return Response(try await endpoint.handler(Call(request: request, context: context)))
        }
    }

    private static func refuse(
        _ method: HTTPRequest.Method, _ path: String, allow: [HTTPRequest.Method], in router: Router<APIContext>
    ) {
        let allowed = allow.map(\.rawValue).sorted().joined(separator: ", ")
        router.on(RouterPath(path), method: method) { _, _ -> Response in
            throw Problem(.methodNotAllowed, "methodNotAllowed", "Allowed here: \(allowed).", headers: [.allow: allowed])
        }
    }
}

extension Response {
    init(_ reply: Reply) {
        var headers = reply.headers
        if reply.status.code != 204, reply.status.code != 304 { headers[.contentLength] = String(reply.body.readableBytes) }
        self.init(status: reply.status, headers: headers, body: .init(byteBuffer: reply.body))
    }
}

private struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: HTTPFields) -> String? { HTTPField.Name(key).flatMap { headers[$0] } }
}
