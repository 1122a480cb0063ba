import Bus
import Contracts
import Logging
import Postgres
import ServiceKit
import Synchronization

/// Answers everything about sections. What is not acceptable is refused before it is stored; what was stored is told to all who listen.
final class DynamicConfiguration: Sendable {
    private let store: SectionStore
    private let schemas: [SectionSchema]
    private let tell: @Sendable (SectionChanged) async -> Void
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    /// Every section of this release is in the store.
    private let isSeeded = Mutex(false)

    /// - Parameter tell: may fail in silence: those who listen ask again now and then.
    init(
        _ store: SectionStore, schemas: [SectionSchema] = Sections.all,
        now: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger,
        tell: @escaping @Sendable (SectionChanged) async -> Void
    ) {
        (self.store, self.schemas, self.now, self.logger, self.tell) = (store, schemas, now, logger, tell)
    }

    /// With changes told on the bus.
    convenience init(_ store: SectionStore, bus: Bus, logger: Logger) {
        self.init(store, logger: logger) { changed in
            do { try await bus.broadcast(changed) } catch {
                logger.notice("a change was not told", metadata: ["section": "\(changed.name)", "error": "\(error)"])
            }
        }
    }

    /// Registers all that it answers. Before the bus runs.
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

    /// - Throws: `notFound`; `invalid` for a limit or a cursor that cannot be.
    func changes(_ request: ListSectionChanges) async throws -> Page<ConfigChange> {
        let schema = try schema(request.section)
        let limit = try validated("limit", try PageLimit(request.limit))
        let below = try request.after.map { text throws(ServiceError) in
            guard let version = Int64(text), version > 0 else { throw .invalid("after", "must be the next of an earlier page") }
            return version
        }
        try await seed()
        let found = try await store.changes(of: schema.name, below: below ?? .max, limit: limit.count + 1)
        return Page(of: found, limit: limit) { "\($0.version)" }
    }

    // MARK: Changing

    /// - Throws: `notFound`; `invalid` with every field that is wrong; `stale`.
    func set(_ request: SetSection) async throws -> ConfigSection {
        let schema = try schema(request.section)
        let errors = schema.errors(in: request.values)
        guard errors.isEmpty else {
            let text = errors.prefix(20).map { "\($0.field) \($0.message)" }.joined(separator: "; ")
            throw ServiceError(.invalid, text, fields: Array(errors.prefix(100)))
        }
        try await seed()
        switch try await revise(request, schema) {
        case .done(let section, let isNew):
            if isNew { await tell(section, by: request.userID) }
            return completed(section)
        case .stale(let present):
            throw ServiceError(.stale, "\(schema.name) is at version \(present), not \(request.version); read it again")
        case .notFound: throw unknown(request.section)
        }
    }

    private func tell(_ section: ConfigSection, by user: UserID) async {
        logger.info(
            "a section was changed",
            metadata: ["section": "\(section.name)", "version": "\(section.version)", "by": "\(user)"])
        await tell(SectionChanged(name: section.name, version: section.version))
    }

    private func revise(_ request: SetSection, _ schema: SectionSchema) async throws -> SectionStore.Revised {
        let now = now()
        do {
            return try await store.revise(schema.name) { [self] in SectionRevision(request, on: completed($0), at: now) }
        } catch let error as PostgresError where error.mayHaveHappened {
            // If so, it has this version.
            await tell(SectionChanged(name: schema.name, version: request.version + 1))
            throw error
        }
    }

    /// Once in the life of a process, and for real once in that of a deployment and of each new section.
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
