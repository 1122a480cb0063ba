/// Issues Snowflake ids, which sort by time: 41 bits of milliseconds, 10 of generator number, 12 of sequence.
/// Never issues an id twice.
///
/// Uniqueness does not depend on a clock. Ids are issued only for milliseconds from `first` on and below
/// ``mark``, and Postgres grants no two holders of a generator number the same milliseconds. The clock only
/// selects one of them.
struct IDSequence: Equatable {
    /// The result of filling a batch: done, or the reason why ids are missing.
    enum Step: Equatable {
        case done
        /// The next id can be issued after this time.
        case wait(milliseconds: Int64)
        /// The mark is reached. Raise it, then try again.
        case renew
        /// The clock was set back by more than ``patience``.
        case refuse(clockBehindBy: Int64)
        /// The clock is past the last millisecond that an id can hold.
        case tooLate
    }

    static let idsPerMillisecond: Int64 = 1 << 12
    static let generators: Int64 = 1 << 10
    /// The first millisecond that an id cannot hold: in the year 2093.
    static let end: Int64 = 1 << 41
    /// How far the time of an id may be ahead of the clock, in milliseconds, so that a burst need not pause
    /// every millisecond.
    static let lead: Int64 = 10
    /// The largest step back of the clock, in milliseconds, that is bridged by waiting.
    static let patience: Int64 = 1_000

    private let generator: Int64
    /// The millisecond of the latest id, since 2024-01-01T00:00:00Z.
    private(set) var latest: Int64
    /// The number of ids issued for `latest`.
    private var used: Int64 = 0
    /// The upper bound (exclusive) of the milliseconds of ids. Stored in Postgres before it is raised here.
    private(set) var mark: Int64

    /// - Parameters:
    ///   - generator: 0…1,023.
    ///   - first: the first millisecond of the lease; earlier holders may have used all before.
    init(generator: Int64, first: Int64, mark: Int64) {
        precondition((0..<Self.generators).contains(generator), "a generator number has ten bits")
        self.generator = generator
        latest = max(first, 0)
        self.mark = min(mark, Self.end)
    }

    mutating func raise(mark: Int64) { self.mark = min(max(self.mark, mark), Self.end) }

    /// Adds ids to `batch` until it is complete or the next id cannot be issued. Added ids count as issued in
    /// both cases.
    ///
    /// - Parameter now: milliseconds since 2024-01-01T00:00:00Z. May step back, as wall clocks do.
    mutating func fill(_ batch: inout IDBatch, at now: Int64) -> Step {
        while !batch.isComplete {
            if let obstacle = obstacle(at: now) { return obstacle }
            if now > latest { advance(to: now) }
            let length = min(Int64(batch.missing), Self.idsPerMillisecond - used)
            batch.add(latest << 22 | generator << 12 | used, length: Int(length))
            used += length
            if used == Self.idsPerMillisecond { advance(to: latest + 1) }
        }
        return .done
    }

    private mutating func advance(to millisecond: Int64) {
        latest = millisecond
        used = 0
    }

    /// Returns the reason why the next id cannot be issued now; `nil` if it can.
    func obstacle(at now: Int64) -> Step? {
        if now >= Self.end { return .tooLate }
        // Ids may be ahead of the clock by `lead`, which adds to the distance after the clock is set back.
        if latest - now > Self.patience + Self.lead { return .refuse(clockBehindBy: latest - now) }
        if max(latest, now) >= mark { return .renew }
        if latest - now > Self.lead { return .wait(milliseconds: latest - now - Self.lead) }
        return nil
    }
}
