import Contracts
import ServiceKit

/// Measures the time to read a setting: as a current value, and by lookup in the settings.
enum SettingLookups {
    private static let count = 1_000_000

    static func measure(_ context: ServiceContext) throws -> String {
        let pages = CurrentValue(try PageSizes(context.settings))
        let live = time(count) { pages.now.most }
        let found = try time(count / 100) {
            _ = try context.settings.value(PageSizes.most)
            return 1
        }
        return #"{"live_ns": \#(live), "lookup_ns": \#(found)}"#
    }

    /// Returns nanoseconds per call.
    private static func time(_ count: Int, _ body: () throws -> Int) rethrows -> Double {
        let start = ContinuousClock.now
        var sum = 0
        for _ in 0..<count { sum &+= try body() }
        let took = start.duration(to: .now)
        // Uses the sum, so that the compiler cannot remove the calls.
        precondition(sum > 0, "a page has at least one item")
        return (took / .nanoseconds(1) / Double(count) * 10).rounded() / 10
    }
}
