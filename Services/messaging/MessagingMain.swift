import Bus
import ServiceKit

@main enum MessagingMain {
    static func main() async {
        await Bootstrap.main("messaging", settings: MessagingSettings.all) { kit in
            let bus = try kit.bus()
            let dynamic = try kit.dynamic(bus)
            let parts = try MessagingParts(kit, bus: bus, thresholds: try dynamic.live(MessagingThresholds.self))
            try await kit.run(
                [bus, kit.consuming(bus), dynamic, parts.keys, parts.revocationFeed, parts.routes] + parts.live)
        }
    }
}
