import Contracts
import Testing

@Suite("Golden samples of users") struct UsersSamplesTests {
    static let at = "2026-01-31T08:15:30.250Z"
    static let user = #"{"createdAt":"\#(at)","displayName":"Mia März","id":"5","username":"mia.m"}"#
    static let pictured =
        #"{"avatarUrl":"https://a.example/6.png","createdAt":"\#(at)","displayName":"Tom","id":"6","username":"tom"}"#
    static let account = #"{"user":\#(pictured),"version":3}"#
    static let tokens = #"{"accessToken":"h.c.s","expiresIn":900,"refreshToken":"r"}"#
    static let connection = #"{"since":"\#(at)","status":"connected","userId":"6"}"#
    static let session = #"{"createdAt":"\#(at)","current":true,"device":"Kitchen","id":"31","lastSeenAt":"\#(at)"}"#

    @Test("resources")
    func resources() throws {
        try expectGolden(User.self, Self.user)
        try expectGolden(User.self, Self.pictured)
        try expectGolden(Account.self, Self.account)
        try expectGolden(Tokens.self, Self.tokens)
        try expectGolden(Session.self, Self.session)
        try expectGolden(Block.self, #"{"since":"\#(Self.at)","userId":"6"}"#)
        for status in ["sent", "received", "connected"] {
            try expectGolden(Contact.self, #"{"since":"\#(Self.at)","status":"\#(status)","userId":"6"}"#)
        }
        try expectGolden(
            AccessToken.self,
            #"{"aud":"martlet","exp":1769848230,"iat":1769847330,"iss":"martlet","name":"mia.m","roles":["admin"],"sid":"31","sub":"5"}"#
        )
    }

    @Test("accounts")
    func accounts() throws {
        try expectGolden(
            RegisterUser.self, #"{"displayName":"Mia März","idempotencyKey":"k-1","password":"correct horse","username":"Mia.M"}"#
        )
        try expectGolden(RegisterUser.self, #"{"displayName":"Mia März","password":"correct horse","username":"mia.m"}"#)
        try expectGolden(GetAccount.self, #"{"userId":"5"}"#)
        try expectGolden(
            UpdateProfile.self, #"{"avatarUrl":"https://a.example/6.png","displayName":"Tom","userId":"6","version":2}"#)
        try expectGolden(UpdateProfile.self, #"{"userId":"6","version":2}"#)
        try expectGolden(
            ChangePassword.self,
            #"{"currentPassword":"correct horse","newPassword":"battery staple","sessionId":"31","userId":"5"}"#)
    }

    @Test("sessions")
    func sessions() throws {
        try expectGolden(LogIn.self, #"{"device":"Kitchen","password":"correct horse","username":"mia.m"}"#)
        try expectGolden(LogIn.self, #"{"password":"correct horse","username":"mia.m"}"#)
        try expectGolden(LogIn.Response.self, #"{"tokens":\#(Self.tokens),"user":\#(Self.user)}"#)
        try expectGolden(RefreshSession.self, #"{"refreshToken":"r"}"#)
        try expectGolden(ListSessions.self, #"{"sessionId":"31","userId":"5"}"#)
        try expectGolden(ListSessions.self, #"{"after":"k-1","limit":20,"sessionId":"31","userId":"5"}"#)
        try expectGolden(Page<Session>.self, #"{"items":[\#(Self.session)],"next":"k-1"}"#)
        try expectGolden(RevokeSession.self, #"{"sessionId":"31","userId":"5"}"#)
        try expectGolden(ListRevocations.self, #"{"since":"\#(Self.at)"}"#)
        try expectGolden(ListRevocations.self, #"{"after":"k-1","since":"\#(Self.at)"}"#)
        try expectGolden(ListRevocations.Response.self, #"{"sessionIds":["31","32"]}"#)
        try expectGolden(ListRevocations.Response.self, #"{"next":"k-1","sessionIds":["31","32"]}"#)
    }

    @Test("keys")
    func keys() throws {
        try expectGolden(GetKeys.self, "{}")
        try expectGolden(
            GetKeys.Response.self,
            #"{"keys":[{"alg":"EdDSA","crv":"Ed25519","kid":"k1","kty":"OKP","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg"}]}"#)
    }

    @Test("profiles")
    func profiles() throws {
        try expectGolden(GetProfiles.self, #"{"ids":["5","6"]}"#)
        try expectGolden(GetProfiles.Response.self, #"{"users":[\#(Self.user),\#(Self.pictured)]}"#)
        try expectGolden(SearchUsers.self, #"{"limit":20,"query":"mar"}"#)
        try expectGolden(SearchUsers.self, #"{"after":"1mia.m","limit":20,"query":"mar"}"#)
        try expectGolden(Page<User>.self, #"{"items":[\#(Self.user)],"next":"1mia.m"}"#)
    }

    @Test("contacts")
    func contacts() throws {
        try expectGolden(ListContacts.self, #"{"after":"k-1","limit":20,"userId":"5"}"#)
        try expectGolden(Page<Contact>.self, #"{"items":[\#(Self.connection)],"next":"k-1"}"#)
        for step in ["invite", "accept", "cancel", "remove"] {
            try expectGolden(ChangeContact.self, #"{"otherId":"6","step":"\#(step)","userId":"5"}"#)
        }
        try expectGolden(ChangeContact.Response.self, #"{"connection":\#(Self.connection)}"#)
        try expectGolden(ChangeContact.Response.self, "{}")
        try expectGolden(ListBlocks.self, #"{"limit":20,"userId":"5"}"#)
        try expectGolden(SetBlock.self, #"{"blocked":true,"otherId":"6","userId":"5"}"#)
    }

    @Test("presence")
    func presence() throws {
        try expectGolden(ListPresenceContacts.self, #"{"userId":"5"}"#)
        try expectGolden(
            ListPresenceContacts.Response.self, #"{"contacts":[{"lastSeenAt":"\#(Self.at)","userId":"6"},{"userId":"7"}]}"#)
        try expectGolden(RecordLastSeen.self, #"{"users":[{"at":"\#(Self.at)","sessionId":"31","userId":"5"}]}"#)
    }

    @Test("events")
    func events() throws {
        try expectGolden(UserRegistered.self, #"{"user":\#(Self.user)}"#)
        try expectGolden(UserUpdated.self, #"{"user":\#(Self.pictured),"version":3}"#)
        try expectGolden(SessionStarted.self, #"{"device":"Kitchen","sessionId":"31","startedAt":"\#(Self.at)","userId":"5"}"#)
        try expectGolden(PasswordChanged.self, #"{"changedAt":"\#(Self.at)","userId":"5"}"#)
        try expectGolden(SessionsRevoked.self, #"{"revokedAt":"\#(Self.at)","sessionIds":["31","32"],"userId":"5"}"#)
        try expectGolden(
            ContactChanged.self, #"{"otherId":"6","rev":2,"status":"connected","step":"accept","userId":"5"}"#)
        try expectGolden(ContactChanged.self, #"{"otherId":"6","rev":3,"step":"remove","userId":"5"}"#)
        try expectGolden(BlockChanged.self, #"{"blocked":true,"otherId":"6","rev":4,"userId":"5"}"#)
    }

    @Test("names that never change")
    func names() {
        let procedures: [ProcedureName] = [
            RegisterUser.name, GetAccount.name, UpdateProfile.name, ChangePassword.name, LogIn.name, RefreshSession.name,
            ListSessions.name, RevokeSession.name, GetKeys.name, ListRevocations.name, GetProfiles.name, SearchUsers.name,
            ListContacts.name, ChangeContact.name, ListBlocks.name, SetBlock.name,
        ]
        #expect(
            procedures.map(\.rawValue) == [
                "users.register.v1", "users.account.v1", "users.updateProfile.v1", "users.changePassword.v1", "users.logIn.v1",
                "users.refresh.v1", "users.sessions.v1", "users.revokeSession.v1", "users.keys.v1", "users.revocations.v1",
                "users.profiles.v1", "users.search.v1", "users.connections.v1", "users.changeConnection.v1", "users.blocks.v1",
                "users.setBlock.v1",
            ])
        let events: [EventType] = [
            UserRegistered.type, UserUpdated.type, SessionStarted.type, PasswordChanged.type, SessionsRevoked.type,
            ContactChanged.type, BlockChanged.type,
        ]
        #expect(
            events.map(\.rawValue) == [
                "users.user.registered.v1", "users.user.updated.v1", "users.session.started.v1", "users.password.changed.v1",
                "users.session.revoked.v1", "users.connection.changed.v1", "users.block.changed.v1",
            ])
    }
}
