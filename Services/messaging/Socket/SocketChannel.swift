import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Makes a live connection of an accepted socket: bounded HTTP first, then the upgrade of RFC 6455, then frames.
struct SocketChannel: Sendable {
    let door: HandshakeAuthenticator
    /// How long a client may take to be let in.
    var patience = TimeAmount.seconds(10)

    func setUp(_ channel: any Channel, _ sockets: NIOLoopBound<LoopSockets>) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = 8_192
            limits.maxHeaderListSize = 16_384
            limits.maxHeaderFieldCount = 100
            let arrival = NIOLoopBound(Arrival(), eventLoop: channel.eventLoop)
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
            let upgrade = NIOTypedHTTPServerUpgradeHandler(
                httpEncoder: encoder, extraHTTPHandlers: [decoder], upgradeConfiguration: upgrade(arrival, sockets))
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, upgrade])
            let timer = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
            upgrade.upgradeResultFuture.whenSuccess { isIn in if isIn { timer.cancel() } }
        }
    }

    /// What is known of a client while it is being let in.
    private final class Arrival {
        var guest: HandshakeResult?
        var refusal: UpgradeRejection?
    }

    private func upgrade(
        _ arrival: NIOLoopBound<Arrival>, _ sockets: NIOLoopBound<LoopSockets>
    ) -> NIOTypedHTTPServerUpgradeConfiguration<Bool> {
        let upgrader = NIOTypedWebSocketServerUpgrader<Bool>(
            maxFrameSize: FrameAssembly.maximumMessage, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, head in admit(head, channel, arrival) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    guard let guest = arrival.value.guest else { throw ChannelError.operationUnsupported }
                    try channel.pipeline.syncOperations.addHandler(
                        SocketHandler(guest, sockets: sockets.value))
                    return true
                }
            })
        return NIOTypedHTTPServerUpgradeConfiguration(upgraders: [upgrader]) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RejectionHandler(arrival.value.refusal))
                return false
            }
        }
    }

    private func admit(
        _ head: HTTPRequestHead, _ channel: any Channel, _ arrival: NIOLoopBound<Arrival>
    ) -> EventLoopFuture<HTTPHeaders?> {
        let answer = channel.eventLoop.makePromise(of: HTTPHeaders?.self)
        Task {
            let result: Result<(HTTPHeaders, HandshakeResult), UpgradeRejection>
            do throws(UpgradeRejection) { result = .success(try await door.admit(head)) } catch { result = .failure(error) }
            channel.eventLoop.execute {
                switch result {
                case .success((let headers, let guest)):
                    arrival.value.guest = guest
                    answer.succeed(headers)
                case .failure(let refusal):
                    arrival.value.refusal = refusal.of(head)
                    answer.succeed(nil)
                }
            }
        }
        return answer.futureResult
    }
}
