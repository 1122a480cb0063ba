import Contracts
import Testing

@Suite("Errors") struct ServiceErrorTests {
    @Test("an error of a read-only request has not happened, and a lost answer is unavailable")
    func reading() {
        let lost = ServiceError(.unknownOutcome, "lost").ofReading
        #expect(lost.code == .unavailable && lost.retryAfterMilliseconds == 1_000 && !lost.mayHaveHappened)
        let late = ServiceError(.deadlineExceeded, "late").ofReading
        #expect(late.code == .deadlineExceeded && late.retryAfterMilliseconds == nil && !late.mayHaveHappened)
        let absent = ServiceError(.notFound, "absent")
        #expect(absent.ofReading == absent)
    }

    @Test("read-only procedures are repeatable")
    func repeatable() {
        let reading: [any Procedure.Type] = [
            GetAccount.self, ListSessions.self, GetKeys.self, ListRevocations.self, GetProfiles.self, SearchUsers.self,
            ListContacts.self, ListBlocks.self, GetHistory.self, ListChats.self, GetChat.self, ListMembers.self,
        ]
        #expect(reading.allSatisfy { $0.isReadOnly && $0.isRepeatable })
        #expect(!NextIDs.isReadOnly && !SendMessage.isReadOnly && !LogIn.isReadOnly)
    }

    @Test("golden samples of errors, also with an unknown code")
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
