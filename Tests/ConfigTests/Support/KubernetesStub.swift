import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport

/// A stub of the Kubernetes API over TLS: the scale subresource of one workload, with a pod's service
/// account.
final class KubernetesStub: Sendable {
    struct State: Sendable {
        var replicas = 3
        var token = "first"
        /// Method and path of every request.
        var seen: [String] = []
        /// Requests get no response.
        var isSilent = false
        var status: HTTPResponseStatus?
    }

    static let path = "/apis/apps/v1/namespaces/chat/statefulsets/messaging/scale"

    let state = Mutex(State())
    let port: Int
    /// The directory of the service account.
    let account: String
    private let channel: any Channel

    static func with(_ body: (KubernetesStub) async throws -> Void) async throws {
        let kubernetes = try await KubernetesStub()
        do { try await body(kubernetes) } catch {
            try? await kubernetes.stop()
            throw error
        }
        try await kubernetes.stop()
    }

    private init() async throws {
        let tls = URL(filePath: TestStack.certificateAuthority).deletingLastPathComponent()
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(tls.appending(path: "server.pem").path).map {
                    .certificate($0)
                },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: tls.appending(path: "server.key").path, format: .pem))))
        let handler = OneShotSignal<Handler>()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Exchange(handler))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        account = FileManager.default.temporaryDirectory.appending(path: TestStack.uniqueName("account")).path
        try FileManager.default.createDirectory(atPath: account, withIntermediateDirectories: true)
        handler.send { [weak self] head, body in self.flatMap { $0.answer(head, body) } }
        try write("token", "first\n")
        try write("namespace", "chat")
        try FileManager.default.copyItem(atPath: TestStack.certificateAuthority, toPath: "\(account)/ca.crt")
    }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(account)/\(name)"))
    }

    private func stop() async throws {
        try await channel.close()
        try FileManager.default.removeItem(atPath: account)
    }

    /// Returns `nil` to send no response.
    typealias Handler = @Sendable (HTTPRequestHead, [UInt8]) -> (HTTPResponseStatus, String)?

    private func answer(_ head: HTTPRequestHead, _ body: [UInt8]) -> (HTTPResponseStatus, String)? {
        state.withLock { state in
            state.seen.append("\(head.method) \(head.uri)")
            if state.isSilent { return nil }
            if let status = state.status { return (status, "{}") }
            guard head.headers.first(name: "authorization") == "Bearer \(state.token)" else { return (.unauthorized, "{}") }
            guard head.uri == Self.path else { return (.notFound, "{}") }
            if head.method == .PATCH {
                struct Patch: Decodable {
                    struct Spec: Decodable { var replicas: Int }
                    var spec: Spec
                }
                guard head.headers.first(name: "content-type") == "application/merge-patch+json",
                    let patch = try? JSONDecoder().decode(Patch.self, from: Data(body))
                else { return (.unsupportedMediaType, "{}") }
                state.replicas = patch.spec.replicas
            }
            // A cluster sends more fields than the scaler reads, and omits replicas when it is 0.
            let replicas = state.replicas == 0 ? "" : #""replicas":\#(state.replicas)"#
            return (
                .ok,
                #"""
                {"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"messaging","namespace":"chat","resourceVersion":"7"},
                "spec":{\#(replicas)},"status":{"replicas":2,"selector":"app=messaging"}}
                """#
            )
        }
    }

    /// Answers one request.
    private final class Exchange: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let handler: OneShotSignal<Handler>
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ handler: OneShotSignal<Handler>) { self.handler = handler }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(let bytes): body += bytes.readableBytesView
            case .end: end(context)
            }
        }

        private func end(_ context: ChannelHandlerContext) {
            guard let head else { return }
            let (answering, body) = (context.eventLoop.makePromise(of: (HTTPResponseStatus, String)?.self), body)
            answering.completeWithTask { [handler] in await handler.value(head, body) }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            answering.futureResult.whenSuccess { answer in
                guard let (status, text) = answer else { return }
                let (exchange, context) = bound.value
                let headers = HTTPHeaders([("content-length", "\(text.utf8.count)"), ("content-type", "application/json")])
                context.write(
                    exchange.wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
                context.write(exchange.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
                context.writeAndFlush(exchange.wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
