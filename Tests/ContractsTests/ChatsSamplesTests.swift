import Contracts
import Testing

@Suite("Golden samples of chats") struct ChatsSamplesTests {
    static let message =
        #"{"chatId":"71","clientMessageId":"6f1c","id":"88","rev":9,"senderId":"5","sentAt":"2026-01-31T08:15:30.250Z","seq":4,"text":"grüß dich"}"#
    static let changedMessage =
        #"{"chatId":"71","clientMessageId":"6f1d","deletedAt":"2026-02-01T00:00:00.000Z","editedAt":"2026-01-31T09:00:00.000Z","id":"89","replyTo":4,"rev":11,"senderId":"6","sentAt":"2026-01-31T08:15:30.251Z","seq":5,"text":""}"#
    static let group =
        #"{"createdAt":"2026-01-30T00:00:00.000Z","id":"71","kind":"group","lastMessage":\#(message),"memberCount":3,"readSeq":2,"rev":9,"role":"owner","title":"Swifts","unread":1,"updatedAt":"2026-01-31T08:15:30.250Z"}"#
    static let direct =
        #"{"createdAt":"2026-01-30T00:00:00.000Z","id":"72","kind":"direct","left":true,"memberCount":2,"readSeq":0,"rev":1,"role":"member","unread":0,"updatedAt":"2026-01-30T00:00:00.000Z"}"#
    static let member =
        #"{"deliveredSeq":4,"joinedAt":"2026-01-30T00:00:00.000Z","readSeq":2,"role":"admin","userId":"5"}"#

    @Test("resources")
    func resources() throws {
        try expectGolden(Message.self, Self.message)
        try expectGolden(Message.self, Self.changedMessage)
        try expectGolden(Chat.self, Self.group)
        try expectGolden(Chat.self, Self.direct)
        try expectGolden(Member.self, Self.member)
    }

    @Test("creating, listing, reading and renaming chats")
    func chats() throws {
        try expectGolden(
            CreateChat.self,
            #"{"creatorId":"5","idempotencyKey":"k-1","kind":"group","members":["6","7"],"title":"Swifts"}"#)
        try expectGolden(CreateChat.self, #"{"creatorId":"5","kind":"direct","members":["6"]}"#)
        try expectGolden(CreateChat.Response.self, #"{"chat":\#(Self.group),"created":true}"#)
        try expectGolden(ListChats.self, #"{"after":"1769847330250.71","limit":20,"userId":"5"}"#)
        try expectGolden(ListChats.self, #"{"changedSince":"c1769847330250","limit":20,"userId":"5"}"#)
        try expectGolden(
            ListChats.Response.self,
            #"{"cursor":"c1769847330250","items":[\#(Self.group),\#(Self.direct)],"next":"1769847330250.72"}"#)
        try expectGolden(GetChat.self, #"{"chatId":"71","userId":"5"}"#)
        try expectGolden(UpdateChat.self, #"{"chatId":"71","title":"Kestrels","userId":"5"}"#)
    }

    @Test("members and read markers")
    func members() throws {
        try expectGolden(ListMembers.self, #"{"after":"1769847330250.5","chatId":"71","limit":100,"userId":"5"}"#)
        try expectGolden(Page<Member>.self, #"{"items":[\#(Self.member)],"next":"1769847330250.5"}"#)
        try expectGolden(SetMember.self, #"{"chatId":"71","memberId":"6","role":"admin","userId":"5"}"#)
        try expectGolden(SetMember.Response.self, #"{"added":true,"member":\#(Self.member)}"#)
        try expectGolden(RemoveMember.self, #"{"chatId":"71","memberId":"6","userId":"5"}"#)
        try expectGolden(MarkRead.self, #"{"chatId":"71","seq":4,"userId":"5"}"#)
        try expectGolden(MarkRead.Response.self, #"{"readSeq":4,"unread":0}"#)
        try expectGolden(EmptyResponse.self, "{}")
        try expectGolden(
            MarkDelivered.self,
            #"{"markers":[{"chatId":"71","seq":4,"userId":"5"},{"chatId":"72","seq":1,"userId":"6"}]}"#)
        try expectGolden(ShowTyping.self, #"{"chatId":"71","userId":"5"}"#)
    }

    @Test("sending and history")
    func messages() throws {
        try expectGolden(
            SendMessage.self, #"{"chatId":"71","clientMessageId":"6f1c","replyTo":3,"senderId":"5","text":"grüß dich"}"#)
        try expectGolden(SendMessage.Response.self, #"{"message":\#(Self.message),"repeated":false}"#)
        let positions = [
            #"{"kind":"newest"}"#, #"{"kind":"before","seq":40}"#, #"{"kind":"after","seq":0}"#,
            #"{"kind":"changedAfter","rev":9}"#,
            #"{"kind":"at","time":"2026-01-31T08:15:30.250Z"}"#,
        ]
        for position in positions {
            try expectGolden(GetHistory.self, #"{"chatId":"71","limit":50,"position":\#(position),"userId":"5"}"#)
        }
        try expectGolden(
            GetHistory.self,
            #"{"chatId":"71","known":"0f3a","limit":50,"position":\#(positions[0]),"userId":"5"}"#)
        let page = #""items":[\#(Self.message),\#(Self.changedMessage)],"next":"5""#
        try expectGolden(GetHistory.Response.self, "{\(page)}")
        try expectGolden(GetHistory.Response.self, #"{"items":[]}"#)
        try expectGolden(GetHistory.Response.self, #"{\#(page),"tag":"0f3a"}"#)
        try expectGolden(GetHistory.Response.self, #"{"items":[],"tag":"0f3a","unchanged":true}"#)
    }

    @Test("events")
    func events() throws {
        try expectGolden(MessagesSent.self, #"{"messages":[\#(Self.message),\#(Self.changedMessage)]}"#)
        try expectGolden(
            ChatCreated.self,
            #"{"chatId":"71","createdAt":"2026-01-30T00:00:00.000Z","creatorId":"5","kind":"group","members":["5","6"],"rev":1,"title":"Swifts"}"#
        )
        try expectGolden(ChatUpdated.self, #"{"chatId":"71","rev":10,"title":"Kestrels","userId":"5"}"#)
        for change in ["added", "roleChanged", "removed"] {
            try expectGolden(
                MemberChanged.self,
                #"{"change":"\#(change)","chatId":"71","memberId":"6","rev":12,"role":"member","userId":"5"}"#)
        }
        try expectGolden(ReadMoved.self, #"{"chatId":"71","readSeq":4,"userId":"6"}"#)
    }

    @Test("an unknown kind, role or change decodes and encodes unchanged")
    func openSets() throws {
        try expectGolden(Chat.self, Self.group.replacing(#""group""#, with: #""channel""#).replacing("owner", with: "guest"))
        try expectGolden(Member.self, Self.member.replacing("admin", with: "guest"))
        try expectGolden(
            MemberChanged.self,
            #"{"change":"muted","chatId":"71","memberId":"6","rev":12,"role":"guest","userId":"5"}"#)
    }
}
