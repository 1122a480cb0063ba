import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceKit
import ServiceLifecycle

/// The public port. A connection and all work for its requests stay on one event loop; see ``LoopExecutor``.
struct HTTPServer: Service {
    /// Accepting shares the event loop with connections: with few per turn, new clients wait behind those
    /// being served.
    private static let acceptsPerTurn: UInt = 256

    let channel: APIChannel
    let settings: HTTPSettings
    let logger: Logger
    /// Called with the port, which the system chooses if the settings say 0.
    var onListening: @Sendable (Int) -> Void = { _ in }

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: settings.loops)
        let configuration = ServerConfiguration(
            address: .hostname(settings.host, port: settings.port), backlog: 1_024,
            availableConnectionsDelegate: MaximumAvailableConnections(settings.connections))
        let server = channel.server(
            configuration: configuration,
            onServerRunning: { listener in
                try? await listener.setOption(.maxMessagesPerRead, value: Self.acceptsPerTurn).get()
                onListening(listener.localAddress?.port ?? settings.port)
            },
            eventLoopGroup: loops, logger: logger)
        let result: Result<Void, any Error>
        do { result = .success(try await server.run()) } catch { result = .failure(error) }
        try? await loops.shutdownGracefully()
        try result.get()
    }
}

/// Runs tasks on an event loop's thread, so that a request is read, handled and answered without a change of
/// threads.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
