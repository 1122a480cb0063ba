/// An error that is sent back to the caller.
public struct ServiceError: Error, Hashable, Codable, Sendable {
    /// What kind of error it is. An open set: readers must accept codes that they do not know.
    public struct Code: RawRepresentable, Hashable, Codable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The request is well-formed and breaks a rule; ``ServiceError/fields`` says which.
        public static let invalid = Code(rawValue: "invalid")
        /// A password, token or session is not valid.
        public static let unauthenticated = Code(rawValue: "unauthenticated")
        /// The caller is known, and not allowed to do this.
        public static let denied = Code(rawValue: "denied")
        /// The entity is absent, or not visible to this caller.
        public static let notFound = Code(rawValue: "notFound")
        /// The request conflicts with what is stored, a taken name for example.
        public static let conflict = Code(rawValue: "conflict")
        /// The caller's version is not the current one.
        public static let stale = Code(rawValue: "stale")
        /// Refused before any work: no instance serves it, a queue is full, or a dependency is away. Retry.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The deadline passed; work may have been done.
        public static let deadlineExceeded = Code(rawValue: "deadlineExceeded")
        /// The answer was lost with a connection; work may have been done.
        public static let unknownOutcome = Code(rawValue: "unknownOutcome")
        /// The service does not know the procedure.
        public static let unimplemented = Code(rawValue: "unimplemented")
        /// A defect of the service; work may have been done.
        public static let `internal` = Code(rawValue: "internal")

        /// Codes that guarantee that nothing was changed.
        static let harmless: Set<Code> = [
            .invalid, .unauthenticated, .denied, .notFound, .conflict, .stale, .unavailable, .unimplemented,
        ]
    }

    /// The reason for an error, where callers act on more than its code. An open set as well.
    public struct Cause: RawRepresentable, Hashable, Codable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// At some time during the call no instance of the service was connected to the broker.
        public static let noInstance = Cause(rawValue: "nobodyServes")
        /// No instance of `config` can reassign partitions for now; a member keeps its lease.
        public static let standstill = Cause(rawValue: "standstill")
        /// This instance cannot answer; another one can. Ask again.
        public static let elsewhere = Cause(rawValue: "elsewhere")
    }

    /// An invalid field of a request.
    public struct Field: Hashable, Codable, Sendable {
        /// The name on the wire, `clientMessageId` for example.
        public var field: String
        public var message: String

        public init(_ field: String, _ message: String) {
            self.field = field
            self.message = message
        }

        enum CodingKeys: String, CodingKey { case field, message }
    }

    public var code: Code
    /// For people and logs. Never parsed; contains no text of chat messages and no secrets.
    public var message: String
    public var fields: [Field]
    /// Whether the request may have taken effect. If true, repeat it only with the same idempotency key.
    public var mayHaveHappened: Bool
    /// How long to wait before a retry, in milliseconds; a hint.
    public var retryAfterMilliseconds: Int?
    public var cause: Cause?

    /// - Parameter mayHaveHappened: by default what the code guarantees; true for a code that this build does
    ///   not know.
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

    /// The same error of a request that changes nothing: it has not happened, and a lost answer is
    /// `unavailable`.
    public var ofReading: ServiceError {
        var error = self
        error.mayHaveHappened = false
        if error.code == .unknownOutcome {
            error.code = .unavailable
            error.retryAfterMilliseconds = error.retryAfterMilliseconds ?? 1_000
        }
        return error
    }

    /// Returns `invalid` with one field.
    public static func invalid(_ field: String, _ message: String) -> ServiceError {
        ServiceError(.invalid, "\(field): \(message)", fields: [Field(field, message)])
    }

    enum CodingKeys: String, CodingKey {
        case code, message, fields, mayHaveHappened, cause
        case retryAfterMilliseconds = "retryAfterMs"
    }
}
