import NIOCore
import NIOWebSocket
import Synchronization

/// A socket as other threads see it.
final class SocketHandle: Sendable {
    /// The index of its event loop among those of the server.
    let loop: Int
    /// The number by which the receiver of its events knows it; 0 until it has one.
    let receiverNumber = Atomic<UInt64>(0)
    /// Bytes that were given to the socket and have not been sent.
    let outstanding = Atomic<Int>(0)
    /// Whether the sender waits for ``SocketEvent/Kind/drained``.
    let isCongested = Atomic<Bool>(false)
    private let handler: NIOLoopBound<SocketHandler>

    init(_ handler: SocketHandler, on eventLoop: any EventLoop, number: Int) {
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        loop = number
    }

    /// Only on its event loop.
    fileprivate var socket: SocketHandler { handler.value }
}

/// A command to a socket.
enum SocketCommand: Sendable {
    /// Pass on the client's frames from now on.
    case open
    /// Send this encoded frame, see ``NIOCore/ByteBuffer/frame(_:)``. `n` is its number, or that of the last
    /// numbered frame.
    case send(ByteBuffer, n: Int64)
    /// Close. No command follows.
    case close(WebSocketErrorCode)
}

/// Collects the commands of one turn for the sockets of one event loop, and executes them there together.
struct LoopOutput {
    private let loop: any EventLoop
    private var commands: [(handle: SocketHandle, command: SocketCommand)] = []

    init(_ loop: any EventLoop) { self.loop = loop }

    mutating func add(_ command: SocketCommand, to handle: SocketHandle) {
        if case .send(let bytes, _) = command { handle.outstanding.add(bytes.readableBytes, ordering: .relaxed) }
        commands.append((handle, command))
    }

    mutating func flush() {
        if commands.isEmpty { return }
        let batch = commands
        commands = []
        loop.execute {
            var written: [SocketHandler] = []
            for (handle, command) in batch where handle.socket.perform(command) { written.append(handle.socket) }
            for socket in written { socket.flush() }
        }
    }
}
