/// The last frames of a connection, for a client that comes back and says what it has seen. Bounded in bytes; what was forgotten is never given as if it were all.
struct ReplayBuffer: Sendable {
    /// A frame's text without its number.
    typealias Text = [UInt8]

    /// The number of the first frame that is still here.
    private var first: Int64 = 1
    private var texts: [Text] = []
    private(set) var bytes = 0

    /// Takes in the frame that follows; forgets the oldest ones beyond `limit` bytes.
    mutating func append(_ text: Text, limit: Int) {
        texts.append(text)
        bytes += text.count
        var (excess, rest) = (0, bytes)
        while rest > limit, excess < texts.count {
            rest -= texts[excess].count
            excess += 1
        }
        drop(excess)
    }

    /// The number of the last frame that is not here any more, or of none.
    var before: Int64 { first - 1 }

    /// The frames after number `n`, if all of them are here.
    func frames(after n: Int64) -> ArraySlice<Text>? {
        let start = n + 1 - first
        guard start >= 0, start <= Int64(texts.count) else { return nil }
        return texts[Int(start)...]
    }

    /// Drops the frames up to number `n`; numbers that are not in the buffer are ignored.
    mutating func forget(upTo n: Int64) {
        // Compared before subtracting: `n` comes from the client.
        guard n >= first else { return }
        drop(n - first >= Int64(texts.count) ? texts.count : Int(n - first) + 1)
    }

    mutating func forgetAll() { drop(texts.count) }

    private mutating func drop(_ count: Int) {
        if count == 0 { return }
        for text in texts.prefix(count) { bytes -= text.count }
        first += Int64(count)
        if count == texts.count { texts = [] } else { texts.removeFirst(count) }
    }
}
