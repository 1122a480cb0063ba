import CPostgres

/// What it takes to cancel a connection's statement from another thread. Freed with this object.
///
/// Sharing it is safe: libpq made the `PGcancel` a copy of its own for this very purpose, and says so; it is never changed.
final class CancelRequest: @unchecked Sendable {
    private let raw: OpaquePointer
    init(_ raw: OpaquePointer) { self.raw = raw }
    deinit { PQfreeCancel(raw) }

    /// Blocks until the server has taken the request, which a server that hangs never does. May fail; nobody is told.
    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { _ = PQcancel(raw, $0.baseAddress, 256) }
    }
}
