/// How long things hold. Members, leader and followers live by the same.
struct LeaseTerms: Hashable, Sendable {
    /// How long a member may go on after it asked for its lease, and a leader after it last wrote its row.
    var lease = Duration.seconds(2)
    /// How much longer the leader waits before it takes a silent member for dead: clocks do not run quite alike.
    var margin = Duration.milliseconds(250)
    /// How often the leader renews its row, and the others look whether it has run out.
    var renewal = Duration.milliseconds(500)
    /// How often the leader asks what members have said, when nothing brings it to ask at once.
    var poll = Duration.milliseconds(100)
    /// The same while partitions are on their way.
    var pollMoving = Duration.milliseconds(50)

    /// A leader that has not heard its own pulse for so long, sent with each renewal, does not hear members either.
    var hearing = Duration.milliseconds(1_200)

    /// How long members may take to be back after the broker was away, or the leader from it: not all of them are at the same time.
    var returning = Duration.seconds(3)

    var silence: Duration { lease + margin }
}
