import Bus
import BusTesting
import Contracts
import Realtime
import Edge
import HTTPTypes
import TestSupport
import Testing

@testable import BFF

@Suite("The address of live connections", .timeLimit(.minutes(1))) struct RealtimeTests {
    private static func routes(epoch: Int64, _ url: String) -> Routes {
        Routes(
            epoch: epoch, partitionCount: 4, instances: [.init(name: "messaging-1", url: url, partitions: PartitionSet(0..<4))])
    }

    @Test("the caller gets the instance of their partition by the newest routes; 503 without routes")
    func place() async throws {
        let api = TestAPI()
        let none = try await api.send(.get, "/v1/realtime")
        #expect(none.status == 503)
        api.routes.apply(Self.routes(epoch: 2, "ws://two"))
        api.routes.apply(Self.routes(epoch: 1, "ws://one"))
        let found = try await api.send(.get, "/v1/realtime")
        #expect(found.json["url"] as? String == "ws://two")
        #expect(found.json["partition"] as? Int == Partitioning.partition(of: TestAPI.ada.userID, count: 4))
        #expect(found.headers[.cacheControl] == "no-store")
        #expect(try await api.send(.get, "/v1/realtime", as: nil).status == 401)
    }

    @Test("a partition without an instance is 503")
    func unowned() async throws {
        let api = TestAPI()
        api.routes.apply(Routes(epoch: 1, partitionCount: 4, instances: []))
        #expect(try await api.send(.get, "/v1/realtime").status == 503)
    }

    @Test("a log-in returns the address too")
    func logIn() async throws {
        let api = TestAPI()
        let user = User(id: TestAPI.ada.userID, username: "ada", displayName: "Ada", createdAt: .init(millisecondsSinceEpoch: 0))
        api.bus.answer(LogIn.self) { _ in
            LogIn.Response(tokens: Tokens(accessToken: "a", refreshToken: "r", expiresIn: 900), user: user)
        }
        let body = #"{"username":"ada","password":"correct horse"}"#
        #expect(try await api.send(.post, "/v1/sessions", body: body, as: nil).json["realtime"] == nil)
        api.routes.apply(Self.routes(epoch: 1, "ws://one"))
        let realtime = try await api.send(.post, "/v1/sessions", body: body, as: nil).json["realtime"] as? [String: Any]
        #expect(realtime?["url"] as? String == "ws://one")
    }

    @Test("a log-in fetches missing routes, and succeeds without them")
    func logInFirst() async throws {
        let api = TestAPI()
        let user = User(id: TestAPI.ada.userID, username: "ada", displayName: "Ada", createdAt: .init(millisecondsSinceEpoch: 0))
        api.bus.answer(LogIn.self) { _ in
            LogIn.Response(tokens: Tokens(accessToken: "a", refreshToken: "r", expiresIn: 900), user: user)
        }
        let body = #"{"username":"ada","password":"correct horse"}"#
        api.bus.answer(GetRoutes.self) { _ in try await untilCancelled() }
        let without = try await api.send(.post, "/v1/sessions", body: body, as: nil)
        #expect(without.status == 201 && without.json["realtime"] == nil)
        api.bus.answer(GetRoutes.self) { _ in Self.routes(epoch: 1, "ws://one") }
        let realtime = try await api.send(.post, "/v1/sessions", body: body, as: nil).json["realtime"] as? [String: Any]
        #expect(realtime?["url"] as? String == "ws://one")
    }
}
