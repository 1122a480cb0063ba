import Bus
import Contracts
import HTTPTypes
import Hummingbird
import Edge
import Logging
import ServiceKit
import Tracing

/// The one place that every request passes: names it, answers whatever goes wrong as a problem, and notes it.
struct APIResponder: Sendable {
    private let router: RouterResponder<APIContext>
    private let admission: Admission
    private let journal: Journal
    /// Looked up once: looking for it among all instruments costs more than a span that is not recorded.
    private let tracer = InstrumentationSystem.tracer

    init(
        endpoints: [Endpoint], verifier: any TokenVerifying, pages: CurrentValue<PageSizes>, admission: Admission, logger: Logger
    ) {
        let gate = Gate(verifier: verifier, pages: pages)
        let router = Router(context: APIContext.self)
        for (path, endpoints) in Dictionary(grouping: endpoints, by: \.path) {
            var methods = endpoints.map(\.method)
            for endpoint in endpoints { Self.add(endpoint, endpoint.method, to: router, gate) }
            // Whatever can be read can be asked for its head (RFC 9110, 9.1); the body is left out at the end.
            if let reading = endpoints.first(where: { $0.method == .get }) {
                Self.add(reading, .head, to: router, gate)
                methods.append(.head)
            }
            for method in Self.methods where !methods.contains(method) { Self.refuse(method, path, allow: methods, in: router) }
        }
        self.router = router.buildResponder()
        self.admission = admission
        journal = Journal(logger: logger)
    }

    func respond(to request: Request, context: APIContext) async -> Response {
        let start = ContinuousClock.now
        let requestID = context.requestID.orGiven(request.headers[.requestID])
        // A client's own trace is not taken up: whoever sends one would decide what is recorded, and under which name.
        var trace = InstrumentationContext.topLevel
        trace.requestID = requestID
        return await tracer.withSpan("http", context: trace, ofKind: .server) { span in
            var failure: (any Error)?
            var response: Response
            do {
                response = try await answer(request, context)
            } catch {
                failure = error
                response = Response(Problem(error).reply(requestID: requestID))
            }
            response.headers.append(HTTPField(name: .requestID, value: requestID))
            span.attributes["http.response.status_code"] = response.status.code
            journal.note(request, response.status, context, since: start, failure)
            return response
        }
    }

    /// All that one request may cost: a place among those at work, and its time.
    private func answer(_ request: Request, _ context: APIContext) async throws -> Response {
        try await admission.run {
            try await Deadline.$current.withValue(.after(Self.time)) {
                let response = try await router.respond(to: Self.routable(request), context: context)
                if context.route == nil { throw Problem.notFound }
                return response
            }
        }
    }

    /// What an answer may take.
    private static let time = Duration.seconds(10)

    // MARK: Routes

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]

    /// Methods beyond the standard ones are refused like one that no route has.
    private static func routable(_ request: Request) -> Request {
        if methods.contains(request.method) { return request }
        var head = request.head
        head.method = .trace
        return Request(head: head, body: request.body)
    }

    /// What a request passes on its way to a handler.
    private struct Gate {
        let verifier: any TokenVerifying
        let pages: CurrentValue<PageSizes>

        func handle(_ endpoint: Endpoint, _ request: Request, _ context: APIContext) async throws -> Reply {
            switch endpoint.access {
            case .anyone: return try await endpoint.handler(Call(request: request, context: context, pages: pages.now))
            case .signedIn, .admin:
                let caller = try await verifier.verify(request.headers[.authorization])
                return try await signedIn(caller, endpoint, request, context)
            }
        }

        private func signedIn(
            _ caller: Caller, _ endpoint: Endpoint, _ request: Request, _ context: APIContext
        ) async throws -> Reply {
            var (context, trace) = (context, InstrumentationContext.current ?? .topLevel)
            context.caller = caller
            context.asker.userID = caller.userID
            trace.userID = caller.userID.description
            if case .admin = endpoint.access, !caller.roles.contains(.admin) { throw Problem.forbidden }
            return try await InstrumentationContext.withValue(trace) {
                try await endpoint.handler(Call(request: request, context: context, pages: pages.now))
            }
        }
    }

    private static func add(
        _ endpoint: Endpoint, _ method: HTTPRequest.Method, to router: Router<APIContext>, _ gate: Gate
    ) {
        router.on(RouterPath(endpoint.path), method: method) { request, context in
            Response(try await gate.handle(endpoint, request, context), to: request)
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
        self.init(status: reply.status, headers: reply.completeHeaders, body: .init(byteBuffer: reply.body))
    }

    /// With the body compressed where that pays and the client takes it.
    fileprivate init(_ reply: Reply, to request: Request) { self.init(reply.encoded(for: request.headers[.acceptEncoding])) }
}
