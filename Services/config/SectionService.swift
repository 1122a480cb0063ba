import Bus
import Contracts
import Logging
import Postgres
import ServiceKit
import Synchronization

/// Answers the section procedures. Validates a change before it is stored, and announces it to all processes
/// after that.
final class SectionService: Sendable {
    private let store: SectionStore
    private let schemas: [SectionSchema]
    private let announce: @Sendable (SectionChanged) async -> Void
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    /// Whether every section of this release is stored.
    private let isSeeded = Mutex(false)

    /// - Parameter announce: may fail without an error, because other processes also read sections
    ///   periodically.
    init(
        _ store: SectionStore, schemas: [SectionSchema] = Sections.all,
        now: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger,
        announce: @escaping @Sendable (SectionChanged) async -> Void
    ) {
        self.store = store
        self.schemas = schemas
        self.now = now
        self.logger = logger
        self.announce = announce
    }

    /// Announces changes on the bus.
    convenience init(_ store: SectionStore, bus: Bus, logger: Logger) {
        self.init(store, logger: logger) { changed in
            do { try await bus.broadcast(changed) } catch {
                logger.notice("section change not announced", metadata: ["section": "\(changed.name)", "error": "\(error)"])
            }
        }
    }

    /// Registers the procedures. Call before the bus runs.
    func serve(on bus: Bus) {
        let server = ProcedureServer(bus, logger: logger)
        server.serve(ListSections.self, atMost: 32) { [self] _, _ in try await list() }
        server.serve(GetSection.self, atMost: 32) { [self] request, _ in try await section(request.section) }
        server.serve(SetSection.self, atMost: 32) { [self] request, _ in try await set(request) }
        server.serve(ListSectionChanges.self, atMost: 32) { [self] request, _ in try await changes(request) }
    }

    // MARK: Reading

    func list() async throws -> Page<ConfigSection> {
        try await seed()
        return Page(items: try await store.sections(schemas.map(\.name)).map(completed))
    }

    /// - Throws: `notFound`.
    func section(_ name: String) async throws -> ConfigSection {
        let schema = try schema(name)
        try await seed()
        guard let section = try await store.sections([schema.name]).first else { throw unknown(name) }
        return completed(section)
    }

    /// - Throws: `notFound`; `invalid` for a bad limit or cursor.
    func changes(_ request: ListSectionChanges) async throws -> Page<ConfigChange> {
        let schema = try schema(request.section)
        let limit = try validated("limit", try PageLimit(request.limit))
        let below = try request.after.map { text throws(ServiceError) in
            guard let version = Int64(text), version > 0 else {
                throw .invalid("after", "must be the value of next from an earlier page")
            }
            return version
        }
        try await seed()
        let found = try await store.changes(of: schema.name, below: below ?? .max, limit: limit.count + 1)
        return Page(of: found, limit: limit) { "\($0.version)" }
    }

    // MARK: Changing

    /// - Throws: `notFound`; `invalid` with every wrong field, at most 100; `stale`.
    func set(_ request: SetSection) async throws -> ConfigSection {
        let schema = try schema(request.section)
        let errors = schema.errors(in: request.values)
        guard errors.isEmpty else {
            let text = errors.prefix(20).map { "\($0.field) \($0.message)" }.joined(separator: "; ")
            throw ServiceError(.invalid, text, fields: Array(errors.prefix(100)))
        }
        try await seed()
        switch try await revise(request, schema) {
        case .stored(let section, let isNew):
            if isNew { await announce(section, by: request.userID) }
            return completed(section)
        case .stale(let present):
            throw ServiceError(.stale, "\(schema.name) is at version \(present), not \(request.version); read it again")
        case .notFound: throw unknown(request.section)
        }
    }

    private func announce(_ section: ConfigSection, by user: UserID) async {
        logger.info(
            "section changed",
            metadata: ["section": "\(section.name)", "version": "\(section.version)", "by": "\(user)"])
        await announce(SectionChanged(name: section.name, version: section.version))
    }

    private func revise(_ request: SetSection, _ schema: SectionSchema) async throws -> SectionStore.RevisionResult {
        let now = now()
        do {
            return try await store.revise(schema.name) { [self] in SectionRevision(request, on: completed($0), at: now) }
        } catch let error as PostgresError where error.mayHaveHappened {
            // If the change is stored, it has this version.
            await announce(SectionChanged(name: schema.name, version: request.version + 1))
            throw error
        }
    }

    /// Stores missing sections, once per process.
    private func seed() async throws {
        if isSeeded.withLock(\.self) { return }
        let defaults = Dictionary(uniqueKeysWithValues: schemas.map { ($0.name, $0.defaults) })
        try await store.seed(defaults, at: now())
        isSeeded.withLock { $0 = true }
    }

    private func completed(_ section: ConfigSection) -> ConfigSection {
        var section = section
        section.values = schemas.first { $0.name == section.name }?.completed(section.values) ?? section.values
        return section
    }

    private func schema(_ name: String) throws(ServiceError) -> SectionSchema {
        guard let schema = schemas.first(where: { $0.name == name }) else { throw unknown(name) }
        return schema
    }

    private func unknown(_ name: String) -> ServiceError {
        ServiceError(
            .notFound, "there is no section \(name.prefix(64)); there are \(schemas.map(\.name).joined(separator: ", "))")
    }
}
