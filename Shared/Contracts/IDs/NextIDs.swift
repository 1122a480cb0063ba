/// Issues ids that no other call, process or clock ever issues.
public struct NextIDs: Procedure {
    public static let name: ProcedureName = "ids.next.v1"
    public static let service = ServiceName.idgen
    public static let callers: Set<ServiceName> = [.users, .chats]
    public static let timeout = Duration.seconds(2)
    /// The ids of an unanswered call are lost, which does no harm.
    public static let isRepeatable = true
    /// The most ids of one call.
    public static let mostAtOnce = 4_096

    /// 1…4,096.
    public var count: Int

    public init(count: Int) { self.count = count }

    enum CodingKeys: String, CodingKey { case count }

    /// As many ids as requested, ascending. The caller decides what kind of id they become.
    public struct Response: Codable, Hashable, Sendable {
        /// At most 4,096 ids together.
        public var runs: [Run]

        public init(runs: [Run]) { self.runs = runs }

        /// - Parameter ids: ascending.
        public init(ids: [RawID]) { runs = Run.joining(ids) }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            runs = try container.decode([Run].self, forKey: .runs)
            guard runs.reduce(0, { $0 + $1.count }) <= NextIDs.mostAtOnce else {
                throw DecodingError.dataCorruptedError(
                    forKey: .runs, in: container, debugDescription: "must be at most 4,096 ids")
            }
        }

        /// All ids, one by one.
        public var ids: [RawID] { runs.flatMap(\.ids) }

        enum CodingKeys: String, CodingKey { case runs }
    }

    /// An id whose kind the caller decides.
    public struct RawID: Identifier {
        public let rawValue: Int64
        public init(rawValue: Int64) { self.rawValue = rawValue }
    }
}

extension NextIDs {
    /// Consecutive ids. A batch is one or two runs: encoding the ids one by one would dominate the cost of a
    /// call.
    public struct Run: Codable, Hashable, Sendable {
        public let first: RawID
        /// 1…4,096.
        public let count: Int

        public init(first: RawID, count: Int) {
            self.first = first
            self.count = count
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            first = try container.decode(RawID.self, forKey: .first)
            count = try container.decode(Int.self, forKey: .count)
            guard (1...NextIDs.mostAtOnce).contains(count), first.rawValue <= .max - Int64(count - 1) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .count, in: container, debugDescription: "must be 1 to 4,096, and ids of 63 bits")
            }
        }

        public var ids: [RawID] { (0..<Int64(count)).map { RawID(rawValue: first.rawValue + $0) } }

        static func joining(_ ids: [RawID]) -> [Run] {
            ids.reduce(into: []) { runs, id in
                if let last = runs.last, last.count < NextIDs.mostAtOnce, id.rawValue - last.first.rawValue == Int64(last.count) {
                    runs[runs.count - 1] = Run(first: last.first, count: last.count + 1)
                } else {
                    runs.append(Run(first: id, count: 1))
                }
            }
        }

        enum CodingKeys: String, CodingKey { case first, count }
    }
}
