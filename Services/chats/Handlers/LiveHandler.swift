import Bus
import Contracts

/// Handles the procedures of live connections: delivered markers and typing.
struct LiveHandler: Sendable {
    /// The time after which a typing frame is stale.
    static let typingLifetime = Duration.seconds(5)
    /// The largest number of markers in one request.
    static let markerLimit = 256

    let markers: MarkerStore
    let store: AudienceStore
    let audiences: AudienceCache
    /// Sends a delivery to live connections, at most once.
    let deliver: @Sendable (Delivery, _ lifetime: Duration?) -> Void

    /// Moves delivered markers and sends the moves to the other members.
    ///
    /// - Throws: `invalid` for too many markers, none, or a negative `seq`.
    func markDelivered(_ request: MarkDelivered) async throws -> EmptyResponse {
        guard (1...Self.markerLimit).contains(request.markers.count) else {
            throw ServiceError.invalid("markers", "must have 1 to \(Self.markerLimit) elements")
        }
        guard request.markers.allSatisfy({ $0.seq >= 0 }) else {
            throw ServiceError.invalid("markers", "seq must be the seq of a message or 0")
        }
        let moved = try await markers.markDelivered(request.markers)
        if moved.isEmpty { return EmptyResponse() }
        // A client that misses the frame finds the marker in the list of members.
        let chats = Dictionary(moved.map { ($0.chatID, Audience.receiptLimit) }, uniquingKeysWith: max)
        guard let audiences = try? await audiences.audiences(of: chats) else { return EmptyResponse() }
        let items = try moved.map { marker in
            try Delivery.Item(
                to: audiences[marker.chatID]?.recipients(ofDeliveredMarkerFrom: marker.userID) ?? [],
                ChatFrames.Receipt(chatID: marker.chatID, userID: marker.userID, deliveredSeq: marker.seq))
        }
        deliver(Delivery(items: items), nil)
        return EmptyResponse()
    }

    /// Sends a typing frame to the other members.
    ///
    /// - Throws: `notFound` if the user is not a member; `denied` if the other member of a direct chat has
    ///   blocked the user.
    func showTyping(_ request: ShowTyping) async throws -> EmptyResponse {
        guard let (others, isBlocked) = try await store.typingRecipients(of: request.userID, in: request.chatID) else {
            throw ServiceError.noSuchChat
        }
        if isBlocked { throw ServiceError.messagesDenied }
        let item = try Delivery.Item(to: others, ChatFrames.Typing(chatID: request.chatID, userID: request.userID))
        deliver(Delivery(items: [item]), Self.typingLifetime)
        return EmptyResponse()
    }
}
