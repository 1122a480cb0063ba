import Bus
import Cache
import Contracts
import Postgres

/// Answers the procedures of users: one line each.
struct UsersService: Sendable {
    let accounts: Accounts
    let sessions: Sessions
    let profiles: Profiles
    let contacts: Contacts
    let presence: Presence
    let keys: KeyRing

    /// Registers all of them. Before the bus runs.
    func serve(on bus: Bus) {
        // Those that hash passwords wait in the hashing pool, which refuses more than it can hold.
        serve(RegisterUser.self, on: bus) { request, _ in try await accounts.register(request) }
        serve(LogIn.self, on: bus) { request, _ in try await sessions.logIn(request) }
        serve(ChangePassword.self, on: bus) { request, _ in try await accounts.changePassword(request) }

        serve(GetAccount.self, on: bus) { request, _ in try await accounts.account(request) }
        serve(UpdateProfile.self, on: bus) { request, _ in try await accounts.update(request) }
        serve(RefreshSession.self, on: bus) { request, _ in try await sessions.refresh(request) }
        serve(ListSessions.self, on: bus) { request, _ in try await sessions.list(request) }
        serve(RevokeSession.self, on: bus) { request, _ in try await sessions.revoke(request) }
        serve(ListRevocations.self, on: bus) { request, _ in try await sessions.revocations(request) }
        serve(GetKeys.self, on: bus) { _, _ in GetKeys.Response(keys: try await keys.published()) }
        serve(GetProfiles.self, on: bus) { request, context in
            try await profiles.profiles(request, caller: context.caller)
        }
        serve(SearchUsers.self, on: bus) { request, _ in try await profiles.search(request) }
        serve(ListConnections.self, on: bus) { request, _ in try await contacts.connections(request) }
        serve(ChangeConnection.self, on: bus) { request, _ in try await contacts.change(request) }
        serve(ListBlocks.self, on: bus) { request, _ in try await contacts.blocks(request) }
        serve(SetBlock.self, on: bus) { request, _ in try await contacts.setBlock(request) }
        serve(ListContacts.self, on: bus) { request, _ in try await presence.contacts(request) }
        serve(NoteSeen.self, on: bus) { request, _ in try await presence.note(request) }
    }

    private func serve<P: Procedure>(
        _ procedure: P.Type, on bus: Bus, _ handler: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {
        bus.serve(procedure) { request, context in
            do {
                return try await handler(request, context)
            } catch let error as PostgresError {
                throw error.serviceError
            } catch is CacheOverloaded {
                throw ServiceError(.unavailable, "too many reads wait", retryAfterMilliseconds: 1_000)
            } catch is CacheLoadTimedOut {
                throw ServiceError(.unavailable, "the database is slow", retryAfterMilliseconds: 1_000)
            }
        }
    }
}
