import Contracts
import Testing

@Suite("Golden samples of errors") struct CommonSamplesTests {
    @Test("errors, also with an unknown code")
    func errors() throws {
        try expectGolden(
            ServiceError.self,
            #"{"code":"unavailable","fields":[],"mayHaveHappened":false,"message":"users is busy","retryAfterMs":500}"#)
        try expectGolden(
            ServiceError.self,
            #"{"cause":"standstill","code":"unavailable","fields":[],"mayHaveHappened":false,"message":"no database","retryAfterMs":500}"#
        )
        try expectGolden(
            ServiceError.self,
            #"{"code":"codeOfTomorrow","fields":[{"field":"username","message":"is taken"}],"mayHaveHappened":true,"message":"?"}"#
        )
    }
}
