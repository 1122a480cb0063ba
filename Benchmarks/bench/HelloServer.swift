import Hummingbird

/// Hummingbird alone: what any server in Swift on it could reach here.
enum Hello {
    private struct Greeting: ResponseEncodable {
        let message: String
        let number: Int
    }

    static func serve(_ port: Int) async throws {
        let router = Router()
        router.get("/") { _, _ in Greeting(message: "Hello", number: 1) }
        try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port))).runService()
    }
}
