import Foundation
import NIOCore
import NIOPosix
import NIOSSL

/// Provides TLS to the broker behind a plain descriptor: a pair of local sockets whose other end is
/// encrypted.
///
/// The library's login and this module's reads and writes therefore handle one kind of connection. SwiftNIO
/// event loops pump the other end, and both sides close together.
enum TLSRelay {
    /// Connects, verifies the certificate and returns the local end, non-blocking. Closing it ends the relay.
    /// Blocks.
    static func open(_ endpoint: AMQPEndpoint, _ tls: AMQPTLS) throws(AMQPError) -> CInt {
        do {
            let context = try NIOSSLContext(configuration: configuration(tls))
            let (ours, theirs) = try LocalSocketPair.make()
            do {
                try connect(endpoint, serverName: tls.serverName ?? endpoint.host, context, relaying: theirs)
                return ours
            } catch {
                close(ours)
                throw error
            }
        } catch {
            throw .notConnected("connecting to \(endpoint.host):\(endpoint.port) with TLS: \(error)")
        }
    }

    private static func configuration(_ tls: AMQPTLS) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        if let file = tls.authorities { configuration.trustRoots = .file(file) }
        return configuration
    }

    /// Connects the relay. Owns `theirs`, also after an error.
    private static func connect(
        _ endpoint: AMQPEndpoint, serverName: String, _ context: NIOSSLContext, relaying theirs: CInt
    ) throws {
        let group = NIOSingletons.posixEventLoopGroup
        let handshake = group.next().makePromise(of: Void.self)
        let timeout = TimeAmount(endpoint.connectTimeout)
        let remote: any Channel
        do {
            remote = try ClientBootstrap(group: group)
                .connectTimeout(timeout)
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        // A host name is sent (SNI) and verified; an address is verified only.
                        let name = isAddress(serverName) ? nil : serverName
                        try channel.pipeline.syncOperations.addHandlers(
                            NIOSSLClientHandler(context: context, serverHostname: name), HandshakeHandler(handshake))
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port).wait()
        } catch {
            handshake.fail(error)
            close(theirs)
            throw error
        }
        let deadline = remote.eventLoop.scheduleTask(in: timeout) { handshake.fail(ChannelError.connectTimeout(timeout)) }
        defer { deadline.cancel() }
        do {
            try handshake.futureResult.wait()
        } catch {
            close(theirs)
            remote.close(promise: nil)
            throw error
        }
        try joinChannels(remote, theirs)
    }

    /// Joins both sides on one event loop. The relay lives until either side closes.
    private static func joinChannels(_ remote: any Channel, _ theirs: CInt) throws {
        do {
            try ClientBootstrap(group: remote.eventLoop)
                .channelOption(.autoRead, value: false)
                .withConnectedSocket(theirs)
                .flatMapThrowing { local in
                    let (one, other) = RelayHandler.pair()
                    try local.pipeline.syncOperations.addHandler(one)
                    try remote.pipeline.syncOperations.addHandler(other)
                    one.start()
                    other.start()
                }
                .wait()
        } catch {
            remote.close(promise: nil)
            throw error
        }
    }

    private static func isAddress(_ name: String) -> Bool { (try? SocketAddress(ipAddress: name, port: 0)) != nil }
}

/// Two connected local sockets; the first is non-blocking.
enum LocalSocketPair {
    static func make() throws -> (ours: CInt, theirs: CInt) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw IOError(errnoCode: errno, reason: "socketpair")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK)
        return (ends[0], ends[1])
    }
}
