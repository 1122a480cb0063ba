import Contracts
import Foundation

extension Timestamp {
    /// The current time by this machine's wall clock, which may step back.
    package static var now: Timestamp {
        Timestamp(millisecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1_000))
    }
}
