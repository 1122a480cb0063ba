/// A frame of AMQP as a peer of ours may write or read it, true or not.
struct Frame: Equatable {
    var kind: UInt8
    var channel: UInt16
    var payload: [UInt8]

    init(kind: UInt8, channel: UInt16, payload: [UInt8]) {
        (self.kind, self.channel, self.payload) = (kind, channel, payload)
    }

    /// A method by its number, `0x003C_003C` for example, with its arguments.
    static func method(_ id: UInt32, channel: UInt16 = 0, _ arguments: [UInt8] = []) -> Frame {
        Frame(kind: 1, channel: channel, payload: big(id) + arguments)
    }

    /// The head of a message of class 60.
    ///
    /// - Parameter properties: the flags and what they announce.
    static func header(bodySize: UInt64, channel: UInt16, properties: [UInt8] = [0, 0]) -> Frame {
        Frame(kind: 2, channel: channel, payload: [0, 60, 0, 0] + big(bodySize) + properties)
    }

    static func body(_ bytes: [UInt8], channel: UInt16) -> Frame { Frame(kind: 3, channel: channel, payload: bytes) }

    var bytes: [UInt8] { [kind] + big(channel) + big(UInt32(payload.count)) + payload + [0xCE] }

    /// Of a method.
    var method: UInt32? { kind == 1 && payload.count >= 4 ? payload[..<4].reduce(0) { $0 << 8 | UInt32($1) } : nil }

    /// The whole frames that `bytes` begins with.
    static func all(in bytes: [UInt8]) -> [Frame] {
        var (frames, rest) = ([Frame](), bytes[...])
        while let frame = Frame(taking: &rest) { frames.append(frame) }
        return frames
    }

    /// The first frame, if it is whole; then it is taken away.
    init?(taking bytes: inout ArraySlice<UInt8>) {
        guard bytes.count >= 8 else { return nil }
        let head = Array(bytes.prefix(7))
        let size = head[3...].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= size + 8 else { return nil }
        self.init(kind: head[0], channel: UInt16(head[1]) << 8 | UInt16(head[2]), payload: Array(bytes.dropFirst(7).prefix(size)))
        bytes = bytes.dropFirst(size + 8)
    }
}

func big(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

/// A text with its length in one byte before it.
func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

/// With its length in four.
func long(_ text: String) -> [UInt8] { big(UInt32(text.utf8.count)) + Array(text.utf8) }
