/// One kind of value: how it is named, how long it is kept, how much of it.
package struct CacheConfiguration: Sendable {
    /// Begins every key: the service and a colon, `users:`, as its Redis user may touch no other.
    package var prefix: String
    /// What the values are and in which form, `profile.v1`. Change it whenever older builds could not read what this one writes.
    package var kind: String
    /// How long Redis keeps a value; each one spread by a fifth to either side.
    package var timeToLive: Duration = .seconds(300)
    /// How long Redis keeps "there is none"; spread likewise.
    package var absentTimeToLive: Duration = .seconds(10)
    /// The two above as they are now, where they may change while we run. What is longer counts as them: for as long writers keep readers from what Redis may
    /// still have, when they cannot tell it.
    package var currentTimesToLive: TimesToLive?
    package typealias TimesToLive = @Sendable () -> (timeToLive: Duration, absentTimeToLive: Duration)
    /// How long one call of the loader may take; it is cancelled then.
    package var loadTimeout: Duration = .seconds(5)
    /// How long Redis keeps a place for a load's result; longer than ``loadTimeout``.
    package var leaseTime: Duration = .seconds(10)
    /// Bounds of process memory: entries, and their coded bytes with 100 for each.
    package var maxCount = 10_000
    package var maxBytes = 16 * 1_024 * 1_024
    /// Keys this process distrusts at one time; beyond it, it distrusts all of them.
    package var maxDistrusted = 50_000

    package init(prefix: String, kind: String, currentTimesToLive: TimesToLive? = nil) {
        self.prefix = prefix
        self.kind = kind
        self.currentTimesToLive = currentTimesToLive
    }

    /// Of what is written now, before it is spread.
    func life(isAbsent: Bool) -> Duration {
        guard let now = currentTimesToLive?() else { return isAbsent ? absentTimeToLive : timeToLive }
        return isAbsent ? min(now.absentTimeToLive, absentTimeToLive) : min(now.timeToLive, timeToLive)
    }
}

/// How a value becomes bytes and back.
package struct CacheCoder<Value: Sendable>: Sendable {
    package let encode: @Sendable (Value) throws -> [UInt8]
    package let decode: @Sendable ([UInt8]) throws -> Value

    package init(encode: @escaping @Sendable (Value) throws -> [UInt8], decode: @escaping @Sendable ([UInt8]) throws -> Value) {
        self.encode = encode
        self.decode = decode
    }
}

/// What the store had: a value or its known absence, and the version of that.
///
/// A version grows with every change that the value shows, within one key, also across deletion and creation anew: it is read in the same snapshot as the
/// value, or given under the same lock.
package struct Versioned<Value: Sendable>: Sendable {
    /// `nil`: there is none.
    package var value: Value?
    package var version: Int64

    package init(_ value: Value?, version: Int64) {
        self.value = value
        self.version = version
    }

    /// Nothing there, and nothing known of it: older than whatever anybody writes.
    package static var neverExisted: Versioned { Versioned(nil, version: .min) }
}

extension Versioned: Equatable where Value: Equatable {}

/// How old an answer may be.
package enum Freshness: Hashable, Sendable {
    /// Whatever was acknowledged before the question is in the answer. For what a reader may have written or seen acknowledged.
    case checked
    /// At most so much older than the question. For what is public or old; a second is usual.
    case upTo(Duration)
}

/// What became of a write.
package enum CacheWrite: Hashable, Sendable {
    /// Readers find it, or something newer, from now on.
    case stored
    /// Redis could not be asked, or said nothing: this process and, by a notice, the others distrust the keys until Redis has been told or has forgotten.
    case unreachable
}
