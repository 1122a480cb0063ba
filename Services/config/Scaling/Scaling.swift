import Logging
import Postgres
import ServiceKit
import ServiceLifecycle

/// All parts of scaling, put together.
enum Scaling {
    /// - Returns: nothing, unless scaling is switched on.
    static func services(_ context: ServiceContext, database: PostgresPool, leader: Leader) throws -> [any Service] {
        let settings = try ScalingSettings(context.settings)
        if settings.mode == .off { return [] }
        return [
            Autoscaler(
                store: LoadStore(database: database), terms: settings.terms, scaler: settings.scaler,
                isDryRun: settings.mode == .dryRun, logger: context.logger, isLeading: { await leader.isLeading })
        ]
    }
}
