import Bus
import Contracts
import Logging
import ServiceKit

/// Answers the procedures of users: one line each.
struct UsersService: Sendable {
    let accounts: Accounts
    let sessions: Sessions
    let profiles: Profiles
    let contacts: Contacts
    let presence: Presence
    let keys: KeyRing

    /// Registers all of them. Only before the bus runs.
    func serve(on bus: Bus, logger: Logger) {
        let server = ProcedureServer(bus, logger: logger)
        // Those that hash passwords wait in the hashing pool, which refuses more than it can hold.
        server.serve(RegisterUser.self) { request, _ in try await accounts.register(request) }
        server.serve(LogIn.self) { request, _ in try await sessions.logIn(request) }
        server.serve(ChangePassword.self) { request, _ in try await accounts.changePassword(request) }

        server.serve(GetAccount.self) { request, _ in try await accounts.account(request) }
        server.serve(UpdateProfile.self) { request, _ in try await accounts.update(request) }
        server.serve(RefreshSession.self) { request, _ in try await sessions.refresh(request) }
        server.serve(ListSessions.self) { request, _ in try await sessions.list(request) }
        server.serve(RevokeSession.self) { request, _ in try await sessions.revoke(request) }
        server.serve(ListRevocations.self) { request, _ in try await sessions.revocations(request) }
        server.serve(GetKeys.self) { _, _ in GetKeys.Response(keys: try await keys.published()) }
        server.serve(GetProfiles.self) { request, context in
            try await profiles.profiles(request, caller: context.caller)
        }
        server.serve(SearchUsers.self) { request, _ in try await profiles.search(request) }
        server.serve(ListContacts.self) { request, _ in try await contacts.connections(request) }
        server.serve(ChangeContact.self) { request, _ in try await contacts.change(request) }
        server.serve(ListBlocks.self) { request, _ in try await contacts.blocks(request) }
        server.serve(SetBlock.self) { request, _ in try await contacts.setBlock(request) }
        server.serve(ListPresenceContacts.self) { request, _ in try await presence.contacts(request) }
        server.serve(RecordLastSeen.self) { request, _ in try await presence.note(request) }
    }
}
