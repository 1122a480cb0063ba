/// Tells the other processes of a service that values have changed.
package struct CacheNotice: Codable, Hashable, Sendable {
    package struct Change: Codable, Hashable, Sendable {
        package var key: String
        /// Older versions are stale; `nil`: every version known so far is stale.
        package var version: Int64?

        package init(key: String, version: Int64?) {
            self.key = key
            self.version = version
        }

        enum CodingKeys: String, CodingKey { case key, version }
    }

    package var kind: String
    package var changes: [Change]
    /// Set when the writer could not reach Redis: for this long, older versions in Redis are stale too.
    /// Milliseconds.
    package var fenceMilliseconds: Int64?
    /// With ``fenceMilliseconds``: the fence covers every key of the kind.
    package var allKeys: Bool

    package init(kind: String, changes: [Change], fenceMilliseconds: Int64? = nil, allKeys: Bool = false) {
        self.kind = kind
        self.changes = changes
        self.fenceMilliseconds = fenceMilliseconds
        self.allKeys = allKeys
    }

    enum CodingKeys: String, CodingKey {
        case kind, changes
        case fenceMilliseconds = "distrustMs"
        case allKeys = "everything"
    }
}
