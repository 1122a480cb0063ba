/// What the writing process tells all others of its service.
package struct CacheNotice: Codable, Hashable, Sendable {
    package struct Change: Codable, Hashable, Sendable {
        package var key: String
        /// Anything older is stale; `nil`: whatever you have is.
        package var version: Int64?

        package init(key: String, version: Int64?) {
            self.key = key
            self.version = version
        }

        enum CodingKeys: String, CodingKey { case key, version }
    }

    package var kind: String
    package var changes: [Change]
    /// Redis could not be told: for so long, older versions found there are stale too. Milliseconds.
    package var fenceMilliseconds: Int64?
    /// With ``fenceMilliseconds``: every key of the kind.
    package var everything: Bool

    package init(kind: String, changes: [Change], fenceMilliseconds: Int64? = nil, everything: Bool = false) {
        self.kind = kind
        self.changes = changes
        self.fenceMilliseconds = fenceMilliseconds
        self.everything = everything
    }

    enum CodingKeys: String, CodingKey {
        case kind, changes, everything
        case fenceMilliseconds = "distrustMs"
    }
}
