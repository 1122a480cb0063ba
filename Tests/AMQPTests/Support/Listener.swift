import Foundation
import Synchronization

/// A local port that serves each connection on a thread of its own.
final class Listener: Sendable {
    let port: Int
    private let descriptor: CInt
    private let open = Mutex<(sockets: [Socket], isClosed: Bool)>(([], false))

    /// - Parameter host: the last byte of the address 127.0.0.x.
    init(host: UInt8 = 1, _ body: @escaping @Sendable (Socket, _ number: Int) -> Void) throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in.loopback(host, port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound else { throw SocketError(errno: errno) }
        (self.descriptor, port) = (descriptor, Int(UInt16(bigEndian: address.sin_port)))
        Thread.detachNewThread { [weak self] in
            var number = 0
            while true {
                let accepted = accept(descriptor, nil, nil)
                if accepted < 0, self?.isOpen == true { continue }
                guard accepted >= 0 else { break }
                number += 1
                let (socket, own) = (Socket(accepted), number)
                guard self?.add(socket) == true else { break }
                Thread.detachNewThread {
                    body(socket, own)
                    socket.shut()
                }
            }
            close(descriptor)
        }
    }

    deinit { shut() }

    private func add(_ socket: Socket) -> Bool {
        open.withLock { state in
            if state.isClosed { return false }
            state.sockets.append(socket)
            return true
        }
    }

    /// Closes all current connections; accepts new ones.
    func cut() {
        let sockets = open.withLock { state in
            defer { state.sockets = [] }
            return state.sockets
        }
        for socket in sockets { socket.shut() }
    }

    private var isOpen: Bool { open.withLock { !$0.isClosed } }

    /// Stops accepting and closes all current connections.
    func shut() {
        let isFirst = open.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        // Closed only once: the thread closes it too, and its descriptor may then have a new owner.
        if isFirst { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }
        cut()
    }
}

/// A connected socket, closed with this object.
final class Socket: Sendable {
    private let descriptor: CInt
    private let sending = Mutex(())

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        var yes: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Connects to a local port.
    convenience init(connectingTo port: Int) throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in.loopback(1, port: port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        self.init(descriptor)
        guard result == 0 else { throw SocketError(errno: errno) }
    }

    deinit { close(descriptor) }

    /// Waits for bytes; empty after the end of the connection.
    func receive() -> [UInt8] {
        let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
        }
        return bytes
    }

    /// Sends all bytes, or as many as the peer accepts.
    func send(_ bytes: [UInt8]) {
        sending.withLock { _ in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { all in
                    Foundation.send(descriptor, all.baseAddress?.advanced(by: sent), all.count - sent, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                sent += count
            }
        }
    }

    /// Ends both directions and wakes blocked readers.
    func shut() { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }
}

struct SocketError: Error { let errno: CInt }

extension sockaddr_in {
    fileprivate static func loopback(_ host: UInt8, port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = (0x7F00_0000 | UInt32(host)).bigEndian
        return address
    }
}
