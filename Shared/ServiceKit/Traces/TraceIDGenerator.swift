import Synchronization

/// Generates trace and span ids: distinct, from an unpredictable start, without a system call for each.
package final class TraceIDGenerator: Sendable {
    private let high: Atomic<UInt64>
    private let low: Atomic<UInt64>

    package init() {
        var random = SystemRandomNumberGenerator()
        high = Atomic(random.next())
        low = Atomic(random.next())
    }

    /// Creates a generator with a reproducible sequence, for tests.
    package init(seed: UInt64) {
        high = Atomic(Self.mix(seed))
        low = Atomic(Self.mix(~seed))
    }

    package func trace() -> TraceID {
        while true {
            if let id = TraceID(high: next(high), low: next(low)) { return id }
        }
    }

    package func span() -> SpanID {
        while true {
            if let id = SpanID(next(low)) { return id }
        }
    }

    private func next(_ counter: borrowing Atomic<UInt64>) -> UInt64 {
        Self.mix(counter.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue)
    }

    /// The finaliser of SplitMix64: a bijection that spreads neighbouring numbers over all 64 bits.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
