import Contracts
import Edge
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Configures an accepted socket: bounded HTTP first, then the upgrade of RFC 6455, then frames.
struct SocketChannel: Sendable {
    let authenticator: HandshakeAuthenticator
    /// How long a client may take for the handshake.
    var handshakeTimeout = TimeAmount.seconds(10)

    func setUp(_ channel: any Channel, _ sockets: NIOLoopBound<LoopSockets>) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let outcome = NIOLoopBound(HandshakeOutcome(), eventLoop: channel.eventLoop)
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: RequestHeadLimits.decoder))
            let upgrade = NIOTypedHTTPServerUpgradeHandler(
                httpEncoder: encoder, extraHTTPHandlers: [decoder], upgradeConfiguration: upgrade(outcome, sockets))
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, upgrade])
            let timer = channel.eventLoop.scheduleTask(in: handshakeTimeout) { channel.close(promise: nil) }
            upgrade.upgradeResultFuture.whenSuccess { isUpgraded in if isUpgraded { timer.cancel() } }
        }
    }

    /// The decision of ``authenticator``, between the steps of the library's upgrade.
    private final class HandshakeOutcome {
        var result: HandshakeResult?
        var rejection: UpgradeRejection?
    }

    private func upgrade(
        _ outcome: NIOLoopBound<HandshakeOutcome>, _ sockets: NIOLoopBound<LoopSockets>
    ) -> NIOTypedHTTPServerUpgradeConfiguration<Bool> {
        let upgrader = NIOTypedWebSocketServerUpgrader<Bool>(
            maxFrameSize: MessageLimits.bytes, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, head in authenticate(head, on: channel, outcome) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    guard let result = outcome.value.result else { throw ChannelError.operationUnsupported }
                    try channel.pipeline.syncOperations.addHandler(SocketHandler(result, sockets: sockets.value))
                    return true
                }
            })
        return NIOTypedHTTPServerUpgradeConfiguration(upgraders: [upgrader]) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RejectionHandler(outcome.value.rejection))
                return false
            }
        }
    }

    /// - Returns: the headers of the response; `nil` when the client is rejected.
    private func authenticate(
        _ head: HTTPRequestHead, on channel: any Channel, _ outcome: NIOLoopBound<HandshakeOutcome>
    ) -> EventLoopFuture<HTTPHeaders?> {
        let decision = channel.eventLoop.makePromise(of: HTTPHeaders?.self)
        Task {
            let result: Result<(HTTPHeaders, HandshakeResult), Problem>
            do throws(Problem) {
                result = .success(try await authenticator.authenticate(head))
            } catch {
                result = .failure(error)
            }
            channel.eventLoop.execute {
                switch result {
                case .success((let headers, let admitted)):
                    outcome.value.result = admitted
                    decision.succeed(headers)
                case .failure(let problem):
                    outcome.value.rejection = UpgradeRejection(problem, of: head)
                    decision.succeed(nil)
                }
            }
        }
        return decision.futureResult
    }
}
