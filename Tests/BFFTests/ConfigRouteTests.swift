import BusTesting
import Contracts
import HTTPTypes
import Edge
import ServiceKit
import Testing

@testable import BFF

@Suite("Configuration routes for admins") struct ConfigRouteTests {
    private let section = ConfigSection(
        name: "pageSizes", version: 3, values: ["usual": .whole(20), "most": .whole(40)],
        changedAt: Timestamp(millisecondsSinceEpoch: 0), changedBy: UserID(rawValue: 3))
    private let body = #"{"values":{"usual":20,"most":40}}"#

    @Test("a caller without the role admin is rejected on every route, before any service is called")
    func authorisation() async throws {
        var count = 0
        for endpoint in BFF.all {
            guard case .admin = endpoint.access else {
                #expect(!endpoint.path.hasPrefix("/v1/admin"), "\(endpoint.path)")
                continue
            }
            count += 1
            let api = TestAPI()
            let path = endpoint.path.replacing("{section}", with: "pageSizes")
            for method in endpoint.method == .get ? [.get, .head] : [endpoint.method] {
                let stranger = try await api.send(method, path, body: body, as: nil, headers: [.ifMatch: "\"3\""])
                #expect(stranger.status == 401)
                let answer = try await api.send(method, path, body: body, as: "ada", headers: [.ifMatch: "\"3\""])
                #expect(answer.status == 403 && answer.code == "denied")
                #expect(answer.headers[.contentType] == "application/problem+json")
            }
            #expect(api.bus.isUnasked)
        }
        #expect(count == 4)
    }

    @Test("sections are listed, and read with their version as ETag")
    func reading() async throws {
        let api = TestAPI()
        api.bus.answer(ListSections.self) { _ in Page(items: [section]) }
        api.bus.answer(GetSection.self) { request in
            #expect(request.section == "pageSizes")
            return section
        }
        let list = try await api.send(.get, "/v1/admin/config", as: "root")
        #expect(list.status == 200 && (list.json["items"] as? [[String: Any]])?.first?["name"] as? String == "pageSizes")
        let one = try await api.send(.get, "/v1/admin/config/pageSizes", as: "root")
        #expect(one.status == 200 && one.headers[.eTag] == "\"3\"")
        #expect(one.json["values"] as? [String: Int] == ["usual": 20, "most": 40])
        #expect(one.json["changedBy"] as? String == "3")
        let again = try await api.send(.get, "/v1/admin/config/pageSizes", as: "root", headers: [.ifNoneMatch: "\"3\""])
        #expect(again.status == 304 && again.body.isEmpty)
    }

    @Test("a change passes on the version from If-Match and the caller")
    func changing() async throws {
        let api = TestAPI()
        api.bus.answer(SetSection.self) { request in
            var section = section
            (section.version, section.values) = (request.version + 1, request.values)
            return section
        }
        let path = "/v1/admin/config/pageSizes"
        #expect(try await api.send(.put, path, body: body, as: "root").status == 428)
        for tag in ["3", "W/\"3\"", "\"x\"", "\"\"", "\"0\"", "\"-1\"", "*", "\"1\", \"3\""] {
            let answer = try await api.send(.put, path, body: body, as: "root", headers: [.ifMatch: tag])
            #expect(answer.status == 412 && answer.code == "stale", "\(tag)")
        }
        #expect(api.bus.isUnasked)
        let changed = try await api.send(.put, path, body: body, as: "root", headers: [.ifMatch: "\"3\""])
        #expect(changed.status == 200 && changed.headers[.eTag] == "\"4\"")
        let asked = try #require(api.bus.asked(SetSection.self).first)
        #expect(asked.section == "pageSizes" && asked.version == 3 && asked.userID == TestAPI.root.userID)
        #expect(asked.values == ["usual": .whole(20), "most": .whole(40)])
    }

    @Test(
        "bff rejects a body of the wrong form; config checks the values",
        arguments: [
            ("", 400), ("[]", 400), ("{}", 422), (#"{"values":[]}"#, 422),
            (#"{"values":{"usual":"x","most":[1],"a":null}}"#, 200),
        ])
    func bodies(body: String, status: Int) async throws {
        let api = TestAPI()
        api.bus.answer(SetSection.self) { _ in section }
        let answer = try await api.send(
            .put, "/v1/admin/config/pageSizes", body: body, as: "root", headers: [.ifMatch: "\"3\""])
        #expect(answer.status == status)
        if status == 422 { #expect(answer.fields == ["values"]) }
    }

    @Test("errors of config become problems")
    func errors() async throws {
        let api = TestAPI()
        let errors: [(ServiceError, Int)] = [
            (.invalid("values.usual", "must be less"), 422), (ServiceError(.stale, "version 4"), 412),
            (ServiceError(.notFound, "no"), 404), (ServiceError(.unavailable, "away"), 503),
        ]
        for (error, status) in errors {
            api.bus.answer(SetSection.self) { _ in throw error }
            let answer = try await api.send(.put, "/v1/admin/config/x", body: body, as: "root", headers: [.ifMatch: "\"3\""])
            #expect(answer.status == status)
            #expect(answer.fields == error.fields.map(\.field))
        }
    }

    @Test("the history comes in pages")
    func history() async throws {
        let api = TestAPI()
        api.bus.answer(ListSectionChanges.self) { _ in Page(items: [], next: "7") }
        let answer = try await api.send(.get, "/v1/admin/config/pageSizes/history?limit=9&after=8", as: "root")
        #expect(answer.status == 200 && answer.json["next"] as? String == "7")
        let asked = api.bus.asked(ListSectionChanges.self)
        #expect(asked.map(\.limit) == [9] && asked.map(\.after) == ["8"])
        #expect(try await api.send(.get, "/v1/admin/config/pageSizes/history?limit=101", as: "root").fields == ["limit"])
    }
}
