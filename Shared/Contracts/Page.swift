/// A part of a list.
public struct Page<Item: Codable & Sendable>: Codable, Sendable {
    public var items: [Item]
    /// Give it back to get what follows; absent at the end. Opaque.
    public var next: String?

    public init(items: [Item], next: String? = nil) {
        self.items = items
        self.next = next
    }

    enum CodingKeys: String, CodingKey { case items, next }
}

extension Page: Equatable where Item: Equatable {}
