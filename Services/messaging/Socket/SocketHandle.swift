import NIOCore
import NIOWebSocket
import Synchronization

/// A socket, as whoever writes to it from another thread sees it.
final class SocketHandle: Sendable {
    /// Which of the server's loops it lives on.
    let loop: Int
    /// The line that it shows, by number; 0 until it has one.
    let line = Atomic<UInt64>(0)
    /// Bytes that were given to it and have not left yet; falls when they do.
    let outstanding = Atomic<Int>(0)
    /// Whoever writes waits for ``SocketEvent/Kind/drained``.
    let isCongested = Atomic<Bool>(false)
    private let handler: NIOLoopBound<SocketHandler>

    init(_ handler: SocketHandler, on eventLoop: any EventLoop, number: Int) {
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        loop = number
    }

    /// On its loop only.
    fileprivate var socket: SocketHandler { handler.value }
}

/// What becomes of a socket.
enum SocketCommand: Sendable {
    /// Its client is who it says, and may speak from now on.
    case open
    /// The frame of number `n`, or one without a number after that; whole, see ``NIOCore/ByteBuffer/frame(_:)``.
    case send(ByteBuffer, n: Int64)
    /// The last.
    case close(WebSocketErrorCode)
}

/// What a turn has for the sockets of one loop, brought there together.
struct LoopOutput {
    private let loop: any EventLoop
    private var commands: [(port: SocketHandle, command: SocketCommand)] = []

    init(_ loop: any EventLoop) { self.loop = loop }

    mutating func add(_ command: SocketCommand, to port: SocketHandle) {
        if case .send(let bytes, _) = command { port.outstanding.add(bytes.readableBytes, ordering: .relaxed) }
        commands.append((port, command))
    }

    mutating func flush() {
        if commands.isEmpty { return }
        let batch = commands
        commands = []
        loop.execute {
            var written: [SocketHandler] = []
            for (port, command) in batch where port.socket.perform(command) { written.append(port.socket) }
            for socket in written { socket.flush() }
        }
    }
}
