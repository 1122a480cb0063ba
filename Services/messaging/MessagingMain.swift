import Contracts
import Bus
import ServiceKit

@main enum MessagingMain {
    static func main() async {
        await Bootstrap.main("messaging", settings: MessagingSettings.all) { context in
            let bus = try context.bus()
            let dynamic = try context.dynamic(bus)
            let parts = try MessagingParts(context, bus: bus, thresholds: try dynamic.current(MessagingThresholds.self))
            try await context.run(
                [bus, context.consuming(bus), dynamic, parts.keys, parts.revocationFeed, parts.routes] + parts.services)
        }
    }
}
