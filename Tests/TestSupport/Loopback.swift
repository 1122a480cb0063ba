import Foundation
import Synchronization

/// Blocking TCP on the loopback interface, for servers and proxies of tests.
package enum Loopback {
    static func socket() -> CInt { Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }

    /// Ports above the blocks of stacks (`scripts/lib/settings.sh`) and below the ephemeral range, so that a
    /// killed server finds its port free.
    private static let ports = 30_001...32_767
    /// The number of ports tried. Each test run starts at a random one.
    private static let tried = Mutex((first: Int.random(in: 0..<ports.count), count: 0))

    /// Returns an unused port that no other caller gets.
    package static func freePort() throws -> Int {
        while let port = nextPort() {
            let socket = socket()
            defer { close(socket) }
            if with(address(port), { Foundation.bind(socket, $0, $1) == 0 }) { return port }
        }
        throw CocoaError(.fileWriteUnknown)
    }

    private static func nextPort() -> Int? {
        tried.withLock { tried in
            if tried.count == ports.count { return nil }
            defer { tried.count += 1 }
            return ports.lowerBound + (tried.first + tried.count) % ports.count
        }
    }

    /// Binds and listens, and returns the port.
    static func listen(_ socket: CInt) throws -> Int {
        let port = try bind(socket)
        guard Foundation.listen(socket, 64) == 0 else { throw CocoaError(.fileWriteUnknown) }
        return port
    }

    static func connect(_ socket: CInt, to port: Int) -> Bool {
        with(address(port)) { Foundation.connect(socket, $0, $1) == 0 }
    }

    /// Writes all bytes and returns whether it succeeded. A closed peer raises no signal.
    static func write(_ bytes: ArraySlice<UInt8>, to socket: CInt) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func bind(_ socket: CInt) throws -> Int {
        guard with(address(0), { Foundation.bind(socket, $0, $1) == 0 }) else { throw CocoaError(.fileWriteUnknown) }
        var (bound, length) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
        let isNamed = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) == 0 }
        }
        guard isNamed else { throw CocoaError(.fileReadUnknown) }
        return Int(UInt16(bigEndian: bound.sin_port))
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private static func with<Result>(
        _ address: sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
