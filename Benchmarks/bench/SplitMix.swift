/// Numbers in no order, without asking the system for chance, which would cost more than some of what is measured.
struct Scattered {
    private var state: UInt64

    /// - Parameter seed: the same one gives the same numbers.
    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    /// Each of `1...most` about equally often (SplitMix64).
    mutating func next(upTo most: UInt64) -> Int64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int64((mixed ^ (mixed >> 31)) % most) + 1
    }
}
