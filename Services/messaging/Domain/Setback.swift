import Contracts

/// What a heartbeat means that `config` did not answer.
enum Setback: Hashable, Sendable {
    /// Nobody can give away what is ours: there is no `config`, or nothing is decided without Postgres and the leader knows that.
    case standstill
    /// Another instance of `config` would have answered: ask again at once.
    case askAgain
    /// Others are answered while we are not: there may be somebody who gives away what is ours.
    case unheard

    init(_ error: any Error) {
        switch (error as? ServiceError)?.cause {
        case .some(.noInstance), .some(.standstill): self = .standstill
        case .some(.elsewhere): self = .askAgain
        default: self = .unheard
        }
    }
}
