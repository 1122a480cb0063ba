import Contracts

/// What a handler may know of the call it answers besides the request itself.
package struct CallContext: Sendable {
    /// As the broker has verified it.
    package let caller: ServiceName
    package let procedure: ProcedureName
    package let deadline: Deadline
}
