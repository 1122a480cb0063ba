import Glibc
import NIOCore

/// Why a service cannot start, said so that whoever reads it knows what to do.
package struct StartError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// A port that cannot be had.
    /// - Parameter setting: the variable that names another one.
    package init(_ error: IOError, host: String, port: Int, setting: String) {
        let reason = error.errnoCode == EADDRINUSE ? "another process has this port" : "\(error)"
        self.init("cannot listen on \(host):\(port): \(reason); end it, or set \(setting) to another port")
    }
}
