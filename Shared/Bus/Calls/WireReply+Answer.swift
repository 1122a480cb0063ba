import CBOR
import Contracts

extension WireReply {
    /// What the caller gets. An error that cannot be read may have been any.
    ///
    /// - Parameter isInDoubt: another try of the same call may have done the work; see ``PendingCalls/isInDoubt(_:)``.
    func answer(isInDoubt: Bool) -> Result<[UInt8], ServiceError> {
        if kind == .answer { return .success(payload) }
        guard let error = try? CBORDecoder.contracts.decode(ServiceError.self, from: payload) else {
            return .failure(ServiceError(.internal, "the error that came back cannot be read"))
        }
        return .failure(isInDoubt ? error.ofOneTry : error)
    }
}

extension ServiceError {
    /// The same, of one of two tries: that this one has changed nothing says nothing about the other.
    fileprivate var ofOneTry: ServiceError {
        var error = self
        error.mayHaveHappened = true
        // Whose meaning is that no work was done.
        if error.code == .unavailable { error.code = .unknownOutcome }
        return error
    }
}
