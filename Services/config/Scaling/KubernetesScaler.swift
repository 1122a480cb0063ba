import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Scales a workload of the cluster that this process runs in, through its scale subresource. Needs `get` and
/// `patch` on that subresource alone.
struct KubernetesScaler: Scaler {
    /// `statefulsets/messaging` or `deployments/messaging`.
    let workload: String
    let host: String
    let port: Int
    /// The directory of the pod's service account: `token`, `ca.crt`, `namespace`. The cluster replaces these
    /// files, so each request reads them.
    var account = "/var/run/secrets/kubernetes.io/serviceaccount"
    /// For a whole request, from connecting to the last byte of the response.
    var timeout = Duration.seconds(10)

    private static let responseLimit = 1 << 20

    private struct Scale: Codable {
        struct Spec: Codable {
            /// The server omits 0.
            var replicas: Int?
        }
        var spec: Spec
    }

    func desiredCount() async throws -> Int? {
        let body = try await send(.GET)
        guard let scale = try? JSONDecoder().decode(Scale.self, from: Data(body)) else {
            throw ScalerError("the scale of \(workload) that Kubernetes returned cannot be decoded")
        }
        return scale.spec.replicas ?? 0
    }

    func scale(to count: Int) async throws {
        _ = try await send(.PATCH, Array(try JSONEncoder().encode(Scale(spec: .init(replicas: count)))))
    }

    private func send(_ method: HTTPMethod, _ body: [UInt8] = []) async throws -> [UInt8] {
        var request = HTTPClientRequest(
            url: "https://\(authority)/apis/apps/v1/namespaces/\(try read("namespace"))/\(workload)/scale")
        request.method = method
        request.headers = ["authorization": "Bearer \(try read("token"))", "accept": "application/json"]
        if method == .PATCH {
            request.headers.add(name: "content-type", value: "application/merge-patch+json")
            request.body = .bytes(body)
        }
        return try await withTimeLimit(timeout, of: "\(host):\(port)") { [request] in
            try await HTTPClient.withHTTPClient(configuration: clientConfiguration()) { client in
                let response = try await client.execute(request, deadline: .distantFuture)
                guard response.status == .ok else {
                    throw ScalerError("Kubernetes answers \(response.status.code) for \(workload)")
                }
                return Array((try await response.body.collect(upTo: Self.responseLimit)).readableBytesView)
            }
        }
    }

    /// RFC 3986, 3.2.2: an IPv6 address stands in brackets.
    private var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Trusts the cluster's own authority alone, and follows no redirect: the request carries the token.
    private func clientConfiguration() -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file("\(account)/ca.crt")
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
        // The autoscaler repeats a failed request itself.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// - Throws: ``ScalerError``, without the content of the file.
    private func read(_ name: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: "\(account)/\(name)"), data.count <= 64 << 10,
            let text = String(data: data, encoding: .utf8)
        else { throw ScalerError("\(account)/\(name) cannot be read; scaling through Kubernetes works only in a pod") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
