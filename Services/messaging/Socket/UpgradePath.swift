/// What a client asks for: one of the paths of the socket, and perhaps to go on where it was.
struct UpgradePath: Hashable, Sendable {
    let resume: Resumption?

    /// - Parameter target: of the request: `/`, `/rt/<instance>` as an ingress may pass it on, or `/v1/realtime`; else `nil`.
    init?(_ target: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        guard path.first == "", path == ["", ""] || path == ["", "v1", "realtime"] || path.count == 3 && path[1] == "rt" else {
            return nil
        }
        let query = parts.count == 2 ? parts[1].split(separator: "&") : []
        resume = query.lazy.filter { $0.hasPrefix("resume=") }.compactMap { Resumption($0.dropFirst("resume=".count)) }.first
    }
}
