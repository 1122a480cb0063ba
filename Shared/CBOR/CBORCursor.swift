/// The reading position in a map or an array. All containers of one value share it.
final class CBORCursor {
    let major: CBORMajor
    /// The number of elements or pairs.
    let count: Int
    /// The position of the first element or pair.
    let first: Int
    /// The position of element or pair number `index`. After the last one, the end of the container.
    var next: Int
    var index = 0
    /// A filter of the keys in the map, one bit for each kind of key. Zero until the first miss.
    /// With it an absent optional field costs next to nothing.
    fileprivate var kinds: UInt64 = 0
    /// An error found by a requirement that cannot throw; thrown at the end of the container.
    var fault: DecodingError?

    init(_ major: CBORMajor, count: Int, first: Int) {
        self.major = major
        self.count = count
        self.first = first
        next = first
    }

    /// Moves past element or pair number `index`, which ends before `next`.
    func advance(past index: Int, to next: Int) {
        self.index = index + 1
        self.next = next
    }
}

/// A field of a map.
struct CBORField {
    /// The number of its pair.
    let index: Int
    /// The position of its value; -1 for an absent field.
    let value: Int

    static let absent = CBORField(index: 0, value: -1)
    var isAbsent: Bool { value < 0 }
}

extension CBORReader {
    func cursor(_ major: CBORMajor, at position: Int) throws -> CBORCursor {
        let head = try head(at: position)
        guard head.major == major else {
            if try isNull(at: position) {
                throw DecodingError.valueNotFound(
                    Any.self, DecodingError.Context(codingPath: [], debugDescription: "expected a container, found null"))
            }
            throw DecodingError.mismatch(major == .map ? [String: Any].self : [Any].self, head)
        }
        return CBORCursor(major, count: try length(head, bytesEach: major == .map ? 2 : 1), first: head.next)
    }

    /// Searches for a field: first where the last one ended, then after it, then from the start.
    func field(_ name: String, in cursor: CBORCursor) throws -> CBORField {
        var name = name
        return try name.withUTF8 { name in
            if cursor.index < cursor.count, let value = try match(name, at: cursor.next) {
                return CBORField(index: cursor.index, value: value)
            }
            if cursor.kinds == 0 { cursor.kinds = try kinds(of: cursor) }
            if cursor.kinds & Self.kind(name.count, first: name.first) == 0 { return .absent }
            let later = try field(name, from: cursor.index, at: cursor.next, upTo: cursor.count)
            return later.isAbsent ? try field(name, from: 0, at: cursor.first, upTo: cursor.index) : later
        }
    }

    private func kinds(of cursor: CBORCursor) throws -> UInt64 {
        var (kinds, position) = (UInt64(1) << 63, cursor.first)
        for _ in 0..<cursor.count {
            let head = try head(at: position)
            guard head.major == .text else { throw DecodingError.keyIsNotText }
            let length = try length(head, bytesEach: 1)
            kinds |= Self.kind(length, first: content(head.next..<head.next + length).first)
            position = try skip(head.next + length)
        }
        return kinds
    }

    /// The bit of a key in ``CBORCursor/kinds``, one of 63.
    private static func kind(_ length: Int, first: UInt8?) -> UInt64 { 1 << UInt64((length &* 11 &+ Int(first ?? 0)) % 63) }

    private func field(
        _ name: UnsafeBufferPointer<UInt8>, from index: Int, at position: Int, upTo limit: Int
    ) throws -> CBORField {
        var position = position
        for index in index..<limit {
            if let value = try match(name, at: position) { return CBORField(index: index, value: value) }
            position = try skip(skip(position))
        }
        return .absent
    }

    /// Returns the position after the container of `cursor`.
    func end(of cursor: CBORCursor) throws -> Int {
        if let fault = cursor.fault { throw fault }
        var next = cursor.next
        for _ in cursor.index..<cursor.count {
            if cursor.major == .map {
                guard try head(at: next).major == .text else { throw DecodingError.keyIsNotText }
                next = try skip(next)
            }
            next = try skip(next)
        }
        return next
    }
}
