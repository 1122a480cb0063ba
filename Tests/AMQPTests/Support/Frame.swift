/// An AMQP frame, valid or not, that a test peer writes or reads.
struct Frame: Equatable {
    var kind: UInt8
    var channel: UInt16
    var payload: [UInt8]

    init(kind: UInt8, channel: UInt16, payload: [UInt8]) {
        self.kind = kind
        self.channel = channel
        self.payload = payload
    }

    /// Returns a method by its number, for example `0x003C_003C`, with its arguments.
    static func method(_ id: UInt32, channel: UInt16 = 0, _ arguments: [UInt8] = []) -> Frame {
        Frame(kind: 1, channel: channel, payload: big(id) + arguments)
    }

    /// Returns the content header of a message, class 60.
    ///
    /// - Parameter properties: the flags, then the properties.
    static func header(bodySize: UInt64, channel: UInt16, properties: [UInt8] = [0, 0]) -> Frame {
        Frame(kind: 2, channel: channel, payload: [0, 60, 0, 0] + big(bodySize) + properties)
    }

    static func body(_ bytes: [UInt8], channel: UInt16) -> Frame { Frame(kind: 3, channel: channel, payload: bytes) }

    var bytes: [UInt8] { [kind] + big(channel) + big(UInt32(payload.count)) + payload + [0xCE] }

    /// The number of the method, if the frame is one.
    var method: UInt32? { kind == 1 && payload.count >= 4 ? payload[..<4].reduce(0) { $0 << 8 | UInt32($1) } : nil }

    /// Returns the complete frames at the start of `bytes`.
    static func all(in bytes: [UInt8]) -> [Frame] {
        var (frames, rest) = ([Frame](), bytes[...])
        while let frame = Frame(removingFrom: &rest) { frames.append(frame) }
        return frames
    }

    /// Removes the first frame from `bytes`; `nil` if it is incomplete.
    init?(removingFrom bytes: inout ArraySlice<UInt8>) {
        guard bytes.count >= 8 else { return nil }
        let head = Array(bytes.prefix(7))
        let size = head[3...].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= size + 8 else { return nil }
        self.init(kind: head[0], channel: UInt16(head[1]) << 8 | UInt16(head[2]), payload: Array(bytes.dropFirst(7).prefix(size)))
        bytes = bytes.dropFirst(size + 8)
    }
}

func big(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

/// Encodes a text after its length in one byte.
func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

/// Encodes a text after its length in four bytes.
func long(_ text: String) -> [UInt8] { big(UInt32(text.utf8.count)) + Array(text.utf8) }
