import Contracts
import Foundation

/// A frame of `users` that this service looks into: what stands between two people has changed.
struct ConnectionFrame: Decodable {
    /// The other one.
    let userID: UserID

    /// As all frames begin, with their type.
    private static let opening = #"{"type":"connection","#

    /// - Returns: `nil` for any other frame.
    init?(_ frame: String) {
        guard frame.hasPrefix(Self.opening), let read = try? JSONDecoder().decode(Self.self, from: Data(frame.utf8)) else {
            return nil
        }
        self = read
    }

    enum CodingKeys: String, CodingKey { case userID = "userId" }
}
