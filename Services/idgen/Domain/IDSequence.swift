/// Issues ids that sort by time: 41 bits of milliseconds, 10 of generator, 12 of sequence. Never the same twice.
///
/// No clock is trusted for that: ids are issued only for milliseconds from `first` on and below ``mark``, and Postgres gives no two holders of a generator the same
/// milliseconds. The clock only decides where within them we are.
struct IDSequence: Equatable {
    /// What stands between the caller and the rest of its ids.
    enum Step: Equatable {
        case done
        /// The clock must come this far first.
        case wait(milliseconds: Int64)
        /// The mark is reached: have it raised, then ask again.
        case renew
        /// The clock was set back so far that waiting is no answer.
        case refuse(clockBehindBy: Int64)
        /// The clock is past the last millisecond that an id can hold.
        case tooLate
    }

    static let idsPerMillisecond: Int64 = 1 << 12
    static let generators: Int64 = 1 << 10
    /// The first millisecond that an id cannot hold: in the year 2093.
    static let end: Int64 = 1 << 41
    /// Ids may bear a time this far ahead of the clock, so that a burst need not stop at every millisecond's end.
    static let lead: Int64 = 10
    /// A clock set back by more than this is refused instead of waited for.
    static let patience: Int64 = 1_000

    private let generator: Int64
    /// The millisecond in which ids were issued last, since 2024-01-01T00:00:00Z.
    private(set) var latest: Int64
    /// Ids issued within `latest`.
    private var used: Int64 = 0
    /// Ids are issued for milliseconds below this mark only; it is in Postgres before it is here.
    private(set) var mark: Int64

    /// - Parameters:
    ///   - generator: 0…1,023.
    ///   - first: the first millisecond that is ours; an earlier holder may have issued in all before.
    init(generator: Int64, first: Int64, mark: Int64) {
        precondition((0..<Self.generators).contains(generator), "a generator number has ten bits")
        self.generator = generator
        self.latest = max(first, 0)
        self.mark = min(mark, Self.end)
    }

    mutating func raise(mark: Int64) { self.mark = min(max(self.mark, mark), Self.end) }

    /// Adds ids to `batch` until it is complete, or something stands in the way. What was added is issued, whatever the step.
    ///
    /// - Parameter now: milliseconds since 2024-01-01T00:00:00Z. It may step back, as wall clocks do.
    mutating func fill(_ batch: inout IDBatch, at now: Int64) -> Step {
        while !batch.isComplete {
            if let obstacle = obstacle(at: now) { return obstacle }
            if now > latest { (latest, used) = (now, 0) }
            let length = min(Int64(batch.missing), Self.idsPerMillisecond - used)
            batch.add(latest << 22 | generator << 12 | used, length: Int(length))
            used += length
            if used == Self.idsPerMillisecond { (latest, used) = (latest + 1, 0) }
        }
        return .done
    }

    /// Why the next id cannot be issued now; `nil` when it can.
    func obstacle(at now: Int64) -> Step? {
        if now >= Self.end { return .tooLate }
        // Ids may lead the clock, so that they seem a little further from one that was set back.
        if latest - now > Self.patience + Self.lead { return .refuse(clockBehindBy: latest - now) }
        if max(latest, now) >= mark { return .renew }
        if latest - now > Self.lead { return .wait(milliseconds: latest - now - Self.lead) }
        return nil
    }
}
