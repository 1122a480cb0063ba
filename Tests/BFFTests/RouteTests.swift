import BusTesting
import Contracts
import Edge
import HTTPTypes
import Logging
import ServiceKit
import ServiceLifecycle
import Testing

@testable import BFF

@Suite("Routes") struct RouteTests {
    private let user = User(
        id: UserID(rawValue: 1), username: "ada", displayName: "Ada", createdAt: Timestamp(millisecondsSinceEpoch: 0))

    @Test("HEAD has the status and headers of GET; the connection leaves out the body")
    func head() async throws {
        let api = TestAPI()
        api.bus.answer(GetProfiles.self) { _ in GetProfiles.Response(users: [user]) }
        let (whole, head) = (try await api.send(.get, "/v1/users/5"), try await api.send(.head, "/v1/users/5"))
        #expect(head.status == 200 && !whole.body.isEmpty)
        for name in [HTTPField.Name.eTag, .contentLength, .contentType] { #expect(head.headers[name] == whole.headers[name]) }
        #expect(try await api.send(.head, "/v1/users/5", as: nil).status == 401)
    }

    @Test("null removes the avatar; an absent field stays as it is")
    func avatar() async throws {
        let api = TestAPI()
        api.bus.answer(UpdateProfile.self) { _ in Account(user: user, version: 3) }
        for body in [#"{"avatarUrl":null}"#, #"{"displayName":"Ada L."}"#] {
            #expect(try await api.send(.patch, "/v1/me", body: body, headers: [.ifMatch: "\"1.2\""]).status == 200)
        }
        let asked = api.bus.asked(UpdateProfile.self)
        #expect(asked.map(\.avatarURL) == ["", nil])
        #expect(asked.map(\.displayName) == [nil, "Ada L."])
    }

    @Test(
        "an If-Match that the server never gave out is 412",
        arguments: ["\"1.+2\"", "\"1.02\"", "W/\"1.2\"", "1.2", "\"x\"", "\"\"", "\"2.2\"", "\"2\""])
    func ifMatch(tag: String) async throws {
        let answer = try await TestAPI().send(.patch, "/v1/me", body: #"{"displayName":"A"}"#, headers: [.ifMatch: tag])
        #expect(answer.status == 412)
    }

    @Test(
        "the deployment's present page sizes limit a page; a limit outside of 1 to 100 is an error"
    )
    func pageSizes() async throws {
        let pages = CurrentValue(PageSizes())
        let api = TestAPI(pages: pages)
        api.bus.answer(ListSessions.self) { _ in Page(items: []) }
        for sizes in [PageSizes(), PageSizes(usual: 10, most: 20), PageSizes(usual: 1, most: 1)] {
            pages.set(sizes)
            for query in ["", "?limit=15", "?limit=100"] { _ = try await api.send(.get, "/v1/sessions\(query)") }
            #expect(try await api.send(.get, "/v1/sessions?limit=101").fields == ["limit"])
        }
        #expect(api.bus.asked(ListSessions.self).map(\.limit) == [50, 15, 100, 10, 15, 20, 1, 1, 1])
    }

    @Test("sessions come in pages")
    func sessions() async throws {
        let api = TestAPI()
        api.bus.answer(ListSessions.self) { _ in Page(items: [], next: "n") }
        #expect(try await api.send(.get, "/v1/sessions?limit=0").fields == ["limit"])
        #expect(try await api.send(.get, "/v1/sessions?limit=7&after=n").json["next"] as? String == "n")
        #expect(api.bus.asked(ListSessions.self).map(\.limit) == [7])
        #expect(api.bus.asked(ListSessions.self).map(\.after) == ["n"])
    }
}
