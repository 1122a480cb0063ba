import Contracts
import Foundation
import Testing

@Suite("Golden samples of ids") struct IDsSamplesTests {
    @Test("requests for ids")
    func next() throws {
        try expectGolden(NextIDs.self, #"{"count":100}"#)
        try expectGolden(
            NextIDs.Response.self,
            #"{"runs":[{"count":3,"first":"249108103168000"},{"count":97,"first":"249108107362304"}]}"#)
    }

    @Test("ids become runs and runs become ids in the same order")
    func runs() {
        let ids: [Int64] = [5, 6, 7, 100, 101, 3, 9]
        let response = NextIDs.Response(ids: ids.map(NextIDs.RawID.init(rawValue:)))
        #expect(response.runs.map(\.count) == [3, 2, 1, 1])
        #expect(response.ids.map(\.rawValue) == ids)
    }

    @Test(
        "an impossible answer is refused before its ids are expanded",
        arguments: [
            #"{"runs":[{"count":0,"first":"1"}]}"#, #"{"runs":[{"count":-1,"first":"1"}]}"#,
            #"{"runs":[{"count":4097,"first":"1"}]}"#, #"{"runs":[{"count":2,"first":"9223372036854775807"}]}"#,
            #"{"runs":[{"count":4000,"first":"1"},{"count":97,"first":"5000"}]}"#,
        ])
    func impossible(json: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(NextIDs.Response.self, from: Data(json.utf8)) }
    }
}
