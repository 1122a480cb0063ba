/// Encoded commands that wait for the socket.
struct OutputBuffer {
    private var bytes: [UInt8] = []
    /// The number of bytes that the socket has accepted.
    private var head = 0

    var count: Int { bytes.count - head }
    var isEmpty: Bool { head == bytes.count }

    /// Encodes a command as an array of strings. Each has its length in front, so it may contain any bytes.
    mutating func append(_ command: [RedisArgument]) {
        appendHeader(UInt8(ascii: "*"), command.count)
        for argument in command { append(argument) }
    }

    private mutating func append(_ argument: RedisArgument) {
        switch argument {
        case .bytes(let value):
            appendHeader(UInt8(ascii: "$"), value.count)
            bytes.append(contentsOf: value)
        case .text(var value):
            value.withUTF8 { text in
                appendHeader(UInt8(ascii: "$"), text.count)
                bytes.append(contentsOf: text)
            }
        case .number(let value):
            appendHeader(UInt8(ascii: "$"), Self.digits(of: value))
            appendDecimal(value)
        }
        appendLineEnd()
    }

    private mutating func appendHeader(_ mark: UInt8, _ count: Int) {
        bytes.append(mark)
        appendDecimal(Int64(count))
        appendLineEnd()
    }

    private mutating func appendLineEnd() {
        bytes.append(13)
        bytes.append(10)
    }

    private mutating func appendDecimal(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// The number of characters of `value` in decimal, including its sign.
    private static func digits(of value: Int64) -> Int {
        var count = value < 0 ? 2 : 1
        var rest = value.magnitude / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }

    /// Passes the waiting bytes to `send`, which returns how many it accepted.
    mutating func drain<Failure: Error>(_ send: (UnsafeRawBufferPointer) throws(Failure) -> Int) throws(Failure) {
        if isEmpty { return }
        let accepted = bytes.withUnsafeBytes { waiting in
            Result { () throws(Failure) in try send(UnsafeRawBufferPointer(rebasing: waiting[head...])) }
        }
        head += try accepted.get()
        if head < bytes.count {
            if head > bytes.count / 2 { compact() }
            return
        }
        head = 0
        // A large burst must not keep its memory.
        bytes.removeAll(keepingCapacity: bytes.capacity <= 256 * 1_024)
    }

    private mutating func compact() {
        bytes.removeFirst(head)
        head = 0
    }

    mutating func removeAll() { self = OutputBuffer() }
}
