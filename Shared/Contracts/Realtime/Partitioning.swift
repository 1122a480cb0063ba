/// Which partition a user belongs to: all their devices are served by the instance of `messaging` that has it.
public enum Partitioning {
    /// How many partitions there are unless a deployment says otherwise.
    public static let usualCount = 360
    /// How many there may be.
    public static let counts = 1...20_000

    /// FNV-1a, 32 bits, over the id's 8 bytes in big-endian order, modulo `count`.
    ///
    /// - Parameter count: in ``counts``; the same everywhere, for ever.
    /// - Returns: 0..<count.
    public static func partition(of user: UserID, count: Int) -> Int {
        var hash: UInt32 = 2_166_136_261
        for shift in stride(from: 56, through: 0, by: -8) {
            hash = (hash ^ UInt32(truncatingIfNeeded: user.rawValue >> Int64(shift)) & 0xFF) &* 16_777_619
        }
        return Int(hash % UInt32(count))
    }
}
