import Bus
import ServiceKit

@main enum MessagingMain {
    static func main() async {
        await Bootstrap.main("messaging") { kit in
            let bus = try kit.bus()
            try await kit.run([bus, kit.consuming(bus)])
        }
    }
}
