import Contracts
import Testing

@testable import Chats

@Suite("Group rules") struct GroupRulesTests {
    func group(
        _ actor: ChatRole?, _ target: ChatRole?, isSelf: Bool = false, left: Bool = false, lastOwner: Bool = false, count: Int = 5
    ) -> GroupRules {
        GroupRules(
            kind: .group, memberCount: count, actor: actor, target: target, isSelf: isSelf, targetLeft: left,
            targetIsLastOwner: lastOwner)
    }

    enum Answer: Hashable { case set(GroupRules.RoleChange), removed(GroupRules.Removal), refused(ServiceError.Code) }

    func setting(_ rules: GroupRules, to role: ChatRole) -> Answer {
        do { return .set(try rules.set(role)) } catch { return .refused(error.code) }
    }

    func removal(_ rules: GroupRules) -> Answer {
        do { return .removed(try rules.remove()) } catch { return .refused(error.code) }
    }

    @Test("owners add members with any role, admins add plain members, members add none", arguments: ChatRole.known)
    func adding(role: ChatRole) {
        #expect(setting(group(.owner, nil), to: role) == .set(.add))
        #expect(setting(group(.admin, nil), to: role) == (role == .member ? .set(.add) : .refused(.denied)))
        #expect(setting(group(.member, nil), to: role) == .refused(.denied))
        #expect(setting(group(nil, nil), to: role) == .refused(.notFound))
        #expect(setting(group(.owner, nil, left: true), to: role) == .set(.add))
    }

    @Test("an unknown role permits nothing and cannot be given")
    func unknownRole() {
        let guest = ChatRole(rawValue: "guest")
        #expect(setting(group(.owner, nil), to: guest) == .refused(.invalid))
        #expect(setting(group(guest, nil), to: .member) == .refused(.denied))
        #expect(removal(group(guest, .member)) == .refused(.denied))
        #expect(removal(group(guest, nil, left: true)) == .refused(.denied))
        #expect(removal(group(guest, guest, isSelf: true)) == .removed(.remove))
    }

    @Test("a group has at most 1,000 members")
    func full() {
        #expect(setting(group(.owner, nil, count: 999), to: .member) == .set(.add))
        #expect(setting(group(.owner, nil, count: 1_000), to: .member) == .refused(.conflict))
        #expect(setting(group(.owner, .member, count: 1_000), to: .admin) == .set(.change))
    }

    @Test("only owners change roles, but an admin may step down")
    func roles() {
        for (from, to) in [(ChatRole.member, ChatRole.admin), (.admin, .member), (.member, .owner), (.owner, .member)] {
            #expect(setting(group(.owner, from), to: to) == .set(.change))
            #expect(setting(group(.admin, from), to: to) == .refused(.denied))
            #expect(setting(group(.member, from), to: to) == .refused(.denied))
        }
        #expect(setting(group(.admin, .admin, isSelf: true), to: .member) == .set(.change))
        #expect(setting(group(.admin, .admin, isSelf: true), to: .owner) == .refused(.denied))
        #expect(setting(group(.member, .member, isSelf: true), to: .admin) == .refused(.denied))
    }

    @Test("giving a member the same role changes nothing", arguments: ChatRole.known)
    func unchanged(role: ChatRole) {
        #expect(setting(group(.admin, role, lastOwner: role == .owner), to: role) == .set(.unchanged))
    }

    @Test("the last owner cannot step down")
    func lastOwner() {
        #expect(setting(group(.owner, .owner, isSelf: true, lastOwner: true), to: .member) == .refused(.conflict))
        #expect(setting(group(.owner, .owner, isSelf: true), to: .member) == .set(.change))
    }

    @Test("owners remove any member, admins remove plain members, members remove none", arguments: ChatRole.known)
    func removing(target: ChatRole) {
        #expect(removal(group(.owner, target)) == .removed(.remove))
        #expect(removal(group(.admin, target)) == (target == .member ? .removed(.remove) : .refused(.denied)))
        #expect(removal(group(.member, target)) == .refused(.denied))
        #expect(removal(group(nil, target)) == .refused(.notFound))
    }

    @Test("every member may leave, and leaving again succeeds", arguments: ChatRole.known)
    func leaving(role: ChatRole) {
        #expect(removal(group(role, role, isSelf: true)) == .removed(.remove))
        #expect(removal(group(nil, nil, isSelf: true, left: true)) == .removed(.unchanged))
        #expect(removal(group(nil, nil, isSelf: true)) == .refused(.notFound))
    }

    @Test("the last owner's leaving hands the group over, unless it becomes empty")
    func handingOver() {
        #expect(removal(group(.owner, .owner, isSelf: true, lastOwner: true)) == .removed(.removeAndHandOver))
        #expect(removal(group(.owner, .owner, isSelf: true, lastOwner: true, count: 1)) == .removed(.remove))
    }

    @Test("removing a former member succeeds, removing a stranger is not found, and plain members get no such answer")
    func gone() {
        #expect(removal(group(.admin, nil, left: true)) == .removed(.unchanged))
        #expect(removal(group(.owner, nil)) == .refused(.notFound))
        #expect(removal(group(.member, nil, left: true)) == .refused(.denied))
    }

    @Test("a direct chat has no roles, no membership changes and no title")
    func direct() {
        var rules = group(.member, .member, isSelf: true)
        rules.kind = .direct
        #expect(setting(rules, to: .owner) == .refused(.denied))
        #expect(removal(rules) == .refused(.denied))
        #expect(throws: ServiceError.self) { try rules.checkRename() }
    }

    @Test(
        "only owners and admins may rename a group",
        arguments: [(.owner, nil), (.admin, nil), (.member, .denied), (nil, .notFound)] as [(ChatRole?, ServiceError.Code?)])
    func renaming(role: ChatRole?, refusal: ServiceError.Code?) {
        var code: ServiceError.Code?
        do { try group(role, nil).checkRename() } catch { code = error.code }
        #expect(code == refusal)
    }
}
