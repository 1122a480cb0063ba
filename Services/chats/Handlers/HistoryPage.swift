import Bus
import CBOR
import Contracts
import Crypto
import ServiceKit

/// A page of history, with its messages encoded as the bus carries them.
struct HistoryPage: Equatable, Sendable {
    let items: CBORElements
    let next: String?

    /// A 128-bit hash of the whole page.
    ///
    /// It covers the bytes, not a version number: another build can encode stored messages differently, and a
    /// restored database can assign the same version to other content. 128 bits are needed because users
    /// choose the texts.
    var tag: PageTag {
        var hash = SHA256()
        items.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        hash.update(data: Array((next ?? "").utf8))
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        for byte in hash.finalize().prefix(16) { Hex.append(byte, to: &digits) }
        return PageTag(rawValue: String(decoding: digits, as: UTF8.self))
    }
}

extension HistoryPage {
    init(_ page: Page<Message>) throws { self.init(items: try CBOREncoder.contracts.elements(page.items), next: page.next) }
}

/// The response of `chats.history.v1`, with the coding of ``GetHistory/Response``.
struct HistoryResponse: Encodable, Sendable {
    private let tag: PageTag?
    private let unchanged: Bool?
    private let items: CBORElements
    private let next: String?

    /// - Parameter known: the tag of the page that the reader has; `nil` if the reader wants no tag.
    init(_ page: HistoryPage, known: PageTag?) {
        tag = known == nil ? nil : page.tag
        let isUnchanged = tag != nil && tag == known
        unchanged = isUnchanged ? true : nil
        items = isUnchanged ? CBORElements() : page.items
        next = isUnchanged ? nil : page.next
    }

    enum CodingKeys: String, CodingKey { case tag, unchanged, items, next }
}
