import Contracts
import Testing

@Suite("Errors") struct ServiceErrorTests {
    @Test("of a request that changes nothing: nothing has happened, and a lost answer is worth another try")
    func reading() {
        let lost = ServiceError(.unknownOutcome, "lost").ofReading
        #expect(lost.code == .unavailable && lost.retryAfterMilliseconds == 1_000 && !lost.mayHaveHappened)
        let late = ServiceError(.deadlineExceeded, "late").ofReading
        #expect(late.code == .deadlineExceeded && late.retryAfterMilliseconds == nil && !late.mayHaveHappened)
        let absent = ServiceError(.notFound, "absent")
        #expect(absent.ofReading == absent)
    }

    @Test("what changes nothing may be asked for again")
    func repeatable() {
        let reading: [any Procedure.Type] = [
            GetAccount.self, ListSessions.self, GetKeys.self, ListRevocations.self, GetProfiles.self, SearchUsers.self,
            ListContacts.self, ListBlocks.self, GetHistory.self, ListChats.self, GetChat.self, ListMembers.self,
        ]
        #expect(reading.allSatisfy { $0.isReadOnly && $0.isRepeatable })
        #expect(!NextIDs.isReadOnly && !SendMessage.isReadOnly && !LogIn.isReadOnly)
    }
}
