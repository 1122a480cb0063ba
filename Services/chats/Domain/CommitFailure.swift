import Contracts

/// Why a commit failed, as far as the next step depends on it.
struct CommitFailure: Sendable {
    /// The smallest part of the batch to which the failure applies.
    enum Scope: Hashable, Sendable {
        /// Every draft would fail now: the database is away, or time is up.
        case batch
        /// Another transaction holds a chat's lock beyond the limit. Only sends to that chat must wait.
        case chat
        /// The server or the connection rejects something in these very statements. One draft is the likely
        /// cause.
        case draft
    }

    /// What another attempt with the same drafts can achieve. Repeating a send is safe: sends are idempotent.
    enum Repetition: Hashable, Sendable {
        /// It can succeed, or find what this attempt stored.
        case useful
        /// It can only clear up whether an earlier attempt stored the drafts.
        case clarifying
        case useless
    }

    let scope: Scope
    let repetition: Repetition
    /// Whether this attempt may have stored the drafts.
    let mayHaveHappened: Bool
    /// The error that the senders receive if no attempt can have stored the drafts.
    let error: ServiceError
}
