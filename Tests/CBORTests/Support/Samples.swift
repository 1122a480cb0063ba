import Contracts

@testable import CBOR

/// A value with a field of every kind.
struct Sample: Codable, Equatable {
    var text: String
    var optionalText: String?
    var integer: Int
    var small: Int16
    var unsigned: UInt64
    var double: Double
    var flag: Bool
    var bytes: [UInt8]
    var list: [Int64?]
    var children: [Sample]
    var table: [String: UInt8]
    var id: UserID
    var at: Timestamp?

    static func random(depth: Int = 3, using random: inout some RandomNumberGenerator) -> Sample {
        let texts = ["", "a", "Zwölf Boxkämpfer", "🜂🜁", String(repeating: "long ", count: 60)]
        let children = depth == 0 ? 0 : Int.random(in: 0...2, using: &random)
        return Sample(
            text: texts.randomElement(using: &random) ?? "",
            optionalText: Bool.random(using: &random) ? texts.randomElement(using: &random) : nil,
            integer: Int(
                truncatingIfNeeded: Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0...63, using: &random)),
            small: .random(in: .min ... .max, using: &random),
            unsigned: UInt64.random(in: .min ... .max, using: &random) >> UInt64.random(in: 0...63, using: &random),
            double: .random(in: -1e300...1e300, using: &random),
            flag: .random(using: &random),
            bytes: (0..<Int.random(in: 0...40, using: &random)).map { _ in .random(in: 0...255, using: &random) },
            list: (0..<Int.random(in: 0...30, using: &random)).map { $0 % 3 == 0 ? nil : Int64($0) },
            children: (0..<children).map { _ in .random(depth: depth - 1, using: &random) },
            table: Dictionary(uniqueKeysWithValues: (0..<Int.random(in: 0...4, using: &random)).map { ("key \($0)", UInt8($0)) }),
            id: UserID(rawValue: .random(in: 1 ... .max, using: &random)),
            at: Bool.random(using: &random)
                ? Timestamp(millisecondsSinceEpoch: .random(in: 0...4_000_000_000_000, using: &random)) : nil)
    }
}

extension Message {
    static func sample(seq: Int64) -> Message {
        Message(
            id: MessageID(rawValue: 377_000_000_000_000_000 + seq), chatID: ChatID(rawValue: 377_000_000_000_000_001), seq: seq,
            rev: seq + 3, senderID: UserID(rawValue: 42), clientMessageID: ClientMessageID(rawValue: "client-\(seq)"),
            text: "hello", sentAt: Timestamp(millisecondsSinceEpoch: 1_764_000_000_000))
    }
}

extension CBORDecimalTypes {
    /// The ids of Contracts, as the bus registers them.
    static let ids = {
        var types = CBORDecimalTypes()
        types.insert(UserID.self)
        types.insert(ChatID.self)
        types.insert(MessageID.self)
        types.insert(SessionID.self)
        types.insert(NextIDs.RawID.self)
        return types
    }()
}

extension CBOREncoder {
    static let ids = CBOREncoder(decimals: .ids)
}

extension CBORDecoder {
    static let ids = CBORDecoder(decimals: .ids)
}
