import Foundation
import NIOHTTP1

/// Scales a workload of the cluster that this process runs in, through its scale subresource: needs `get` and `patch` of that alone.
struct KubernetesScaler: Scaler {
    /// `statefulsets/messaging` or `deployments/messaging`.
    let workload: String
    let host: String
    let port: Int
    /// Where the pod has its account: `token`, `ca.crt`, `namespace`. All read for each question, as the cluster replaces them.
    var account = "/var/run/secrets/kubernetes.io/serviceaccount"

    private struct Scale: Codable {
        struct Spec: Codable {
            /// Left out when it is 0.
            var replicas: Int?
        }
        var spec: Spec
    }

    func wanted() async throws -> Int? {
        let answer = try await ask(.GET)
        guard let scale = try? JSONDecoder().decode(Scale.self, from: Data(answer)) else {
            throw ScalerError("what Kubernetes says of \(workload) cannot be read")
        }
        return scale.spec.replicas ?? 0
    }

    func scale(to count: Int) async throws {
        _ = try await ask(.PATCH, Array(try JSONEncoder().encode(Scale(spec: .init(replicas: count)))))
    }

    private func ask(_ method: HTTPMethod, _ body: [UInt8] = []) async throws -> [UInt8] {
        let (token, namespace) = (try read("token"), try read("namespace"))
        let client = HTTPSClient(host: host, port: port, authorities: "\(account)/ca.crt")
        var headers = [("authorization", "Bearer \(token)"), ("accept", "application/json")]
        if method == .PATCH { headers.append(("content-type", "application/merge-patch+json")) }
        let answer = try await client.ask(
            method, "/apis/apps/v1/namespaces/\(namespace)/\(workload)/scale", headers: headers, body: body
        )
        guard answer.status == 200 else { throw ScalerError("Kubernetes answers \(answer.status) for \(workload)") }
        return answer.body
    }

    /// - Throws: ``ScalerError``, without what the file holds.
    private func read(_ name: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: "\(account)/\(name)"), data.count <= 64 << 10,
            let text = String(data: data, encoding: .utf8)
        else { throw ScalerError("\(account)/\(name) cannot be read: is this a pod of Kubernetes?") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
