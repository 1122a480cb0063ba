import Bus
import Contracts

/// Answers what only live connections do: what has reached a device, and that somebody is writing.
struct LiveHandler: Sendable {
    /// How long it is of interest that somebody writes.
    static let typingLifetime = Duration.seconds(5)
    static let mostMarkers = 256

    let markers: MarkerStore
    let store: AudienceStore
    let audiences: AudienceCache
    let show: @Sendable (Delivery, _ lifetime: Duration?) -> Void

    /// - Throws: `invalid` for too many markers, none, or a negative `seq`.
    func markDelivered(_ request: MarkDelivered) async throws -> Done {
        guard (1...Self.mostMarkers).contains(request.markers.count) else {
            throw ServiceError.invalid("markers", "must be 1 to \(Self.mostMarkers)")
        }
        guard request.markers.allSatisfy({ $0.seq >= 0 }) else {
            throw ServiceError.invalid("markers", "seq must be that of a message, or 0")
        }
        let moved = try await markers.markDelivered(request.markers)
        if moved.isEmpty { return Done() }
        // Whoever misses it learns it when they list the members.
        let chats = Dictionary(moved.map { ($0.chatID, Audience.mostForReceipts) }, uniquingKeysWith: max)
        guard let audiences = try? await audiences.of(chats) else { return Done() }
        let items = try moved.map { marker in
            try Delivery.Item(
                to: audiences[marker.chatID]?.readersOfDelivered(from: marker.userID) ?? [],
                Frames.Receipt(chatID: marker.chatID, userID: marker.userID, deliveredSeq: marker.seq))
        }
        show(Delivery(items: items), nil)
        return Done()
    }

    /// - Throws: `notFound` for who is not in the chat; `denied` when the other one of a direct chat has blocked them.
    func showTyping(_ request: ShowTyping) async throws -> Done {
        guard let (others, isBlocked) = try await store.whoSeesTyping(request.userID, in: request.chatID) else {
            throw ServiceError.noSuchChat
        }
        if isBlocked { throw ServiceError(.denied, "they do not want messages from you") }
        let item = try Delivery.Item(to: others, Frames.Typing(chatID: request.chatID, userID: request.userID))
        show(Delivery(items: [item]), Self.typingLifetime)
        return Done()
    }
}
