import Foundation
import Testing

@testable import Cache

@Suite struct CacheNoticeTests {
    @Test("a notice keeps its form: processes one release apart tell each other")
    func golden() throws {
        let notice = CacheNotice(kind: "profile.v1", changes: [.init(key: "7", version: 3)], fenceMilliseconds: 5)
        let sample = #"{"kind":"profile.v1","changes":[{"key":"7","version":3}],"distrustMs":5,"everything":false}"#
        #expect(try JSONDecoder().decode(CacheNotice.self, from: Data(sample.utf8)) == notice)
    }
}
