/// A refusal that travels back to the caller, as a value.
public struct ServiceError: Error, Hashable, Codable, Sendable {
    /// An open set: a reader built last month survives a code added today.
    public struct Code: RawRepresentable, Hashable, Codable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Well-formed, but against a rule; ``ServiceError/fields`` says which.
        public static let invalid = Code(rawValue: "invalid")
        /// The caller is not who they must be: a bad password, token or session.
        public static let unauthenticated = Code(rawValue: "unauthenticated")
        /// Known, and not allowed.
        public static let denied = Code(rawValue: "denied")
        /// Absent, or not visible to this caller.
        public static let notFound = Code(rawValue: "notFound")
        /// Against what is there already, a taken name for example.
        public static let conflict = Code(rawValue: "conflict")
        /// The caller's version of the thing is not the present one.
        public static let stale = Code(rawValue: "stale")
        /// Refused before any work: nobody serves it, a queue is full, a dependency is away.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The time was up; work may have been done.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// The answer was lost with a connection; work may have been done.
        public static let unknownOutcome = Code(rawValue: "unknownOutcome")
        /// Nobody knows a procedure of that name.
        public static let unimplemented = Code(rawValue: "unimplemented")
        /// Our fault; work may have been done.
        public static let `internal` = Code(rawValue: "internal")

        /// Codes whose sender vouches that nothing has been changed.
        static let harmless: Set<Code> = [
            .invalid, .unauthenticated, .denied, .notFound, .conflict, .stale, .unavailable, .unimplemented,
        ]
    }

    /// Why it was refused, where a caller acts on that: more than the code says. An open set as well.
    public struct Cause: RawRepresentable, Hashable, Codable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The broker had nobody to give it to: at some moment since it was asked no instance of the service was there.
        public static let nobodyServes = Cause(rawValue: "nobodyServes")
        /// Nothing is decided for now: whoever might decide otherwise was told so before this answer.
        public static let standstill = Cause(rawValue: "standstill")
        /// Only the instance that was asked cannot; another one can at this moment.
        public static let elsewhere = Cause(rawValue: "elsewhere")
    }

    /// One field of a request and what is wrong with it.
    public struct Field: Hashable, Codable, Sendable {
        /// The name as the wire has it, `clientMessageId` for example.
        public var field: String
        public var message: String

        public init(_ field: String, _ message: String) {
            self.field = field
            self.message = message
        }

        enum CodingKeys: String, CodingKey { case field, message }
    }

    public var code: Code
    /// For people and logs; never parsed, never text of a chat message, never a secret.
    public var message: String
    public var fields: [Field]
    /// Whether the request may have taken effect. Then repeat it with the same id, if at all.
    public var mayHaveHappened: Bool
    /// A hint how long to wait before another try, in milliseconds.
    public var retryAfterMilliseconds: Int?
    /// `nil` unless somebody may act on it.
    public var cause: Cause?

    /// - Parameter mayHaveHappened: what the code says unless given; true for any code that this build does not know.
    public init(
        _ code: Code, _ message: String, fields: [Field] = [], mayHaveHappened: Bool? = nil, retryAfterMilliseconds: Int? = nil,
        cause: Cause? = nil
    ) {
        self.code = code
        self.message = message
        self.fields = fields
        self.mayHaveHappened = mayHaveHappened ?? !Code.harmless.contains(code)
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.cause = cause
    }

    /// The same, of a request that changes nothing: an answer that was lost is only one that is not there.
    public var ofReading: ServiceError {
        var error = self
        error.mayHaveHappened = false
        if error.code == .unknownOutcome {
            error.code = .unavailable
            error.retryAfterMilliseconds = error.retryAfterMilliseconds ?? 1_000
        }
        return error
    }

    /// One wrong field.
    public static func invalid(_ field: String, _ message: String) -> ServiceError {
        ServiceError(.invalid, "\(field): \(message)", fields: [Field(field, message)])
    }

    enum CodingKeys: String, CodingKey {
        case code, message, fields, mayHaveHappened, cause
        case retryAfterMilliseconds = "retryAfterMs"
    }
}
