import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves probes, details and metrics on the management port, with an event loop of its own.
///
/// It runs from before the first migration until after the last service.
package struct ManagementServer: Service {
    let host: String
    /// 0 selects a free port.
    let port: Int
    let probes: HealthProbes
    let metrics: PrometheusRegistry
    let logger: Logger
    let onListening: @Sendable (Int) -> Void

    /// - Throws: ``StartupError`` when the port cannot be opened.
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
            throw StartupError(error, host: host, port: port, setting: CommonSettings.managementPort.variable)
        }
    }

    /// The logger of the server, which logs warnings and errors only.
    private var quiet: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func respond(to request: Request) async -> Response {
        switch (request.uri.path, request.method) {
        case ("/livez", .get): json(await probes.live())
        case ("/startupz", .get): json(probes.startup())
        case ("/readyz", .get): json(probes.ready())
        case ("/healthz", .get): json(await probes.detail())
        case ("/metrics", .get): response(.ok, type: PrometheusText.contentType, body: metrics.render())
        case ("/livez", _), ("/startupz", _), ("/readyz", _), ("/healthz", _), ("/metrics", _):
            response(
                .methodNotAllowed, type: Self.json, body: Array(#"{"status":"methodNotAllowed"}"#.utf8),
                extraHeaders: [.allow: "GET"])
        default: response(.notFound, type: Self.json, body: Array(#"{"status":"notFound"}"#.utf8))
        }
    }

    private static let json = "application/json"

    private func json(_ result: HealthProbes.Result) -> Response {
        response(result.isHealthy ? .ok : .serviceUnavailable, type: Self.json, body: result.body)
    }

    private func response(
        _ status: HTTPResponse.Status, type: String, body: [UInt8], extraHeaders: HTTPFields = [:]
    ) -> Response {
        var headers = extraHeaders
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
