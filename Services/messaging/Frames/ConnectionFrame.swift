import Contracts
import Foundation

/// A frame of `users`: two users became contacts, or ceased to be. The gateway updates their presence.
struct ConnectionFrame: Decodable {
    /// The other user.
    let userID: UserID

    /// Every frame begins with its type.
    private static let opening = #"{"type":"connection","#

    /// Returns `nil` for any other frame.
    init?(_ frame: String) {
        guard frame.hasPrefix(Self.opening), let read = try? JSONDecoder().decode(Self.self, from: Data(frame.utf8)) else {
            return nil
        }
        self = read
    }

    enum CodingKeys: String, CodingKey { case userID = "userId" }
}
