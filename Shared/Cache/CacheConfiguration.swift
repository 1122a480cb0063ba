/// One kind of value: its key prefix, its lifetime and its limits.
package struct CacheConfiguration: Sendable {
    /// The prefix of every key: the service and a colon, such as `users:`. The service's Redis user may touch
    /// no other.
    package var prefix: String
    /// The type and format of the values, such as `profile.v1`. Change it when older builds cannot read the
    /// new format.
    package var kind: String
    /// How long Redis keeps a value, before ±20 % jitter.
    package var timeToLive: Duration = .seconds(300)
    /// How long Redis keeps the absence of a value, before ±20 % jitter.
    package var absentTimeToLive: Duration = .seconds(10)
    /// The present values of the two above, for settings that change at run time.
    ///
    /// They are capped by the two above: a writer that cannot reach Redis fences readers for that long.
    package var currentTimesToLive: TimesToLive?
    package typealias TimesToLive = @Sendable () -> (timeToLive: Duration, absentTimeToLive: Duration)
    /// The limit of one call of the loader, which is cancelled then.
    package var loadTimeout: Duration = .seconds(5)
    /// How long Redis keeps a lease of a load; longer than ``loadTimeout``.
    package var leaseTime: Duration = .seconds(10)
    /// The maximum number of entries in process memory.
    package var maxCount = 10_000
    /// The maximum size of process memory: the encoded bytes of all entries plus 100 for each.
    package var maxBytes = 16 * 1_024 * 1_024
    /// The maximum number of fenced keys; beyond it, the fence covers all keys.
    package var maxFencedKeys = 50_000

    package init(prefix: String, kind: String, currentTimesToLive: TimesToLive? = nil) {
        self.prefix = prefix
        self.kind = kind
        self.currentTimesToLive = currentTimesToLive
    }

    /// The time to live of a value that is written now, before jitter.
    func effectiveTimeToLive(isAbsent: Bool) -> Duration {
        guard let now = currentTimesToLive?() else { return isAbsent ? absentTimeToLive : timeToLive }
        return isAbsent ? min(now.absentTimeToLive, absentTimeToLive) : min(now.timeToLive, timeToLive)
    }
}

/// Encodes values to bytes and decodes them.
package struct CacheCoder<Value: Sendable>: Sendable {
    package let encode: @Sendable (Value) throws -> [UInt8]
    package let decode: @Sendable ([UInt8]) throws -> Value

    package init(encode: @escaping @Sendable (Value) throws -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws -> Value) {
        self.encode = encode
        self.decode = decode
    }
}

/// A value or its known absence in the store, with its version.
///
/// A version grows with every change of the value, within one key and across deletion and re-creation. It is
/// read in the same snapshot as the value, or assigned under the same lock.
package struct Versioned<Value: Sendable>: Sendable {
    /// `nil` for a known absence.
    package var value: Value?
    package var version: Int64

    package init(_ value: Value?, version: Int64) {
        self.value = value
        self.version = version
    }

    /// The absence of a key that the store has never had; older than every written version.
    package static var neverExisted: Versioned { Versioned(nil, version: .min) }
}

extension Versioned: Equatable where Value: Equatable {}

/// How old an answer may be.
package enum Freshness: Hashable, Sendable {
    /// The answer contains every write that was acknowledged before the question. For a reader's own data.
    case checked
    /// At most this much older than the question. For public or old data; one second is usual.
    case upTo(Duration)
}

/// The outcome of a write to the cache.
package enum CacheWrite: Hashable, Sendable {
    /// Readers get this value, or a newer one, from now on.
    case stored
    /// Redis did not confirm the write. This process and, by a notice, the others fence the keys until Redis
    /// has received the invalidation or its old values have expired.
    case unreachable
}
