import Contracts
import Testing

@Suite("Golden samples of ids and errors") struct CommonSamplesTests {
    @Test("ids")
    func ids() throws {
        try expectGolden(NextIDs.self, #"{"count":100}"#)
        try expectGolden(NextIDs.Response.self, #"{"ids":["377000000000000001","377000000000000002"]}"#)
        #expect(NextIDs.name.rawValue == "ids.next.v1")
    }

    @Test("errors, of a code that is not known here too")
    func errors() throws {
        try expectGolden(
            ServiceError.self,
            #"{"code":"unavailable","fields":[],"mayHaveHappened":false,"message":"users is busy","retryAfterMs":500}"#)
        try expectGolden(
            ServiceError.self,
            #"{"code":"codeOfTomorrow","fields":[{"field":"username","message":"is taken"}],"mayHaveHappened":true,"message":"?"}"#
        )
    }
}
