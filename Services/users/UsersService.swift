import Bus
import Contracts
import Logging
import ServiceKit

/// Serves the procedures of users.
struct UsersService: Sendable {
    let accounts: AccountHandler
    let sessions: SessionHandler
    let profiles: ProfileHandler
    let contacts: ContactHandler
    let presence: PresenceHandler
    let keys: KeyRing

    /// Registers all procedures. Only before the bus runs.
    func serve(on bus: Bus, logger: Logger) {
        let server = ProcedureServer(bus, logger: logger)
        // The hashing pool bounds the procedures that hash passwords.
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
        server.serve(ListContacts.self) { request, _ in try await contacts.contacts(request) }
        server.serve(ChangeContact.self) { request, _ in try await contacts.change(request) }
        server.serve(ListBlocks.self) { request, _ in try await contacts.blocks(request) }
        server.serve(SetBlock.self) { request, _ in try await contacts.setBlock(request) }
        server.serve(ListPresenceContacts.self) { request, _ in try await presence.contacts(request) }
        server.serve(RecordLastSeen.self) { request, _ in try await presence.recordLastSeen(request) }
    }
}
