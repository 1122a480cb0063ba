import Foundation
import Logging
import Reactor
import Synchronization

@testable import ServiceKit

/// Keeps lines for the test to read.
final class KeptLines: LogOutput {
    private let state = Mutex<[[UInt8]]>([])
    func write(_ line: [UInt8], soon: Bool) { state.withLock { $0.append(line) } }
    var lines: [[UInt8]] { state.withLock { $0 } }
    var objects: [[String: Any]] {
        lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] }
    }
}

/// Keeps finished spans for the test to read.
final class KeptSpans: SpanExporter {
    private let state = Mutex<[FinishedSpan]>([])
    func export(_ span: FinishedSpan) { state.withLock { $0.append(span) } }
    var spans: [FinishedSpan] { state.withLock { $0 } }
}

/// One for all tests: it lives as long as the process.
let sharedIO = IOThread(name: "io")

struct Failure: Error {}
