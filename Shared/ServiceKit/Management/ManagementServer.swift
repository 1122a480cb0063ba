import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The management port: probes, details and metrics, on an event loop of its own. Runs from before the first migration until after the last service.
package struct ManagementServer: Service {
    let host: String
    /// 0 takes a free one.
    let port: Int
    let answers: ManagementAnswers
    let metrics: PrometheusRegistry
    let logger: Logger
    let onListening: @Sendable (Int) -> Void

    /// - Throws: ``StartError`` when the port cannot be had.
    package func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in await respond(to: request) },
            server: .http1(configuration: .init(idleTimeout: .seconds(60))),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: port), availableConnectionsDelegate: MaximumAvailableConnections(64)),
            onServerRunning: { onListening($0.localAddress?.port ?? port) }, eventLoopGroupProvider: .shared(loops), logger: quiet
        )
        let result: Result<Void, any Error>
        do { result = .success(try await application.run()) } catch { result = .failure(error) }
        try? await loops.shutdownGracefully()
        do { try result.get() } catch let error as IOError {
            throw StartError(error, host: host, port: port, setting: CommonSettings.managementPort.variable)
        }
    }

    /// The server's own chatter begins at warnings.
    private var quiet: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func respond(to request: Request) async -> Response {
        switch (request.uri.path, request.method) {
        case ("/livez", .get): json(await answers.live())
        case ("/startupz", .get): json(answers.startup())
        case ("/readyz", .get): json(answers.ready())
        case ("/healthz", .get): json(await answers.detail())
        case ("/metrics", .get): response(.ok, PrometheusText.contentType, metrics.render())
        case ("/livez", _), ("/startupz", _), ("/readyz", _), ("/healthz", _), ("/metrics", _):
            response(.methodNotAllowed, Self.json, Array(#"{"status":"methodNotAllowed"}"#.utf8), [.allow: "GET"])
        default: response(.notFound, Self.json, Array(#"{"status":"notFound"}"#.utf8))
        }
    }

    private static let json = "application/json"

    private func json(_ answer: ManagementAnswers.Answer) -> Response {
        response(answer.isGood ? .ok : .serviceUnavailable, Self.json, answer.body)
    }

    private func response(_ status: HTTPResponse.Status, _ type: String, _ body: [UInt8], _ more: HTTPFields = [:]) -> Response {
        var headers = more
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
