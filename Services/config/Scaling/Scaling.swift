import Logging
import Postgres
import ServiceKit
import ServiceLifecycle

/// All parts of scaling, put together.
enum Scaling {
    /// - Returns: nothing, unless scaling is switched on.
    static func services(_ kit: Kit, database: PostgresPool, leader: Leader) throws -> [any Service] {
        let settings = try ScalingSettings(kit.settings)
        if settings.mode == .off { return [] }
        return [
            Autoscaler(
                store: LoadStore(database: database), terms: settings.terms, scaler: settings.scaler,
                isDryRun: settings.mode == .dryRun, logger: kit.logger, isLeading: { await leader.isLeading })
        ]
    }
}
