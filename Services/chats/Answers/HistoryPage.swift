import Bus
import CBOR
import Contracts
import Crypto
import ServiceKit

/// A page of history as it is passed on.
struct HistoryPage: Equatable, Sendable {
    let items: CBORElements
    let next: String?

    /// Of all that is on it. Not of numbers that stand for it: what was stored is shown in another form by another build, and has another past after a
    /// restore. 128 bits, as people choose the texts.
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

/// Coded as ``GetHistory/Response`` is.
struct HistoryAnswer: Encodable, Sendable {
    private let tag: PageTag?
    private let unchanged: Bool?
    private let items: CBORElements
    private let next: String?

    /// - Parameter known: what the reader has; `nil` when it wants no tag.
    init(_ page: HistoryPage, known: PageTag?) {
        tag = known == nil ? nil : page.tag
        if let tag, tag == known {
            (unchanged, items, next) = (true, CBORElements(), nil)
        } else {
            (unchanged, items, next) = (nil, page.items, page.next)
        }
    }

    enum CodingKeys: String, CodingKey { case tag, unchanged, items, next }
}
