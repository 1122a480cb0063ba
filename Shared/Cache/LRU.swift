/// The least recently used goes first when there are too many, or they are too large.
package struct LRU<Key: Hashable, Element> {
    private struct Node {
        let key: Key
        var element: Element
        var cost: Int
        var newer: Int = -1
        var older: Int = -1
    }

    private var nodes: [Node?] = []
    private var free: [Int] = []
    private var places: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1
    private(set) var cost = 0
    let maxCount: Int
    let maxCost: Int

    package init(maxCount: Int, maxCost: Int) {
        self.maxCount = maxCount
        self.maxCost = maxCost
    }

    package var count: Int { places.count }

    /// Without making it newer.
    func peek(_ key: Key) -> Element? { places[key].flatMap { nodes[$0]?.element } }

    /// What is there, which becomes the newest.
    package mutating func use(_ key: Key) -> Element? {
        guard let place = places[key] else { return nil }
        renew(place)
        return nodes[place]?.element
    }

    /// Changes what is there, which becomes the newest, but not its cost.
    mutating func use(_ key: Key, _ change: (inout Element) -> Void) {
        guard let place = places[key] else { return }
        renew(place)
        if var node = nodes[place] {
            change(&node.element)
            nodes[place] = node
        }
    }

    /// An element that costs more than all may is not kept, and what it replaces goes.
    package mutating func set(_ key: Key, _ element: Element, cost: Int) {
        remove(key)
        if cost > maxCost { return }
        let place = free.popLast() ?? nodes.count
        let node = Node(key: key, element: element, cost: cost)
        if place == nodes.count { nodes.append(node) } else { nodes[place] = node }
        places[key] = place
        self.cost += cost
        linkAsNewest(place)
        while count > maxCount || self.cost > maxCost, let last = nodes[oldest]?.key { remove(last) }
    }

    mutating func remove(_ key: Key) {
        guard let place = places.removeValue(forKey: key) else { return }
        unlink(place)
        cost -= nodes[place]?.cost ?? 0
        nodes[place] = nil
        free.append(place)
    }

    mutating func removeAll() { self = LRU(maxCount: maxCount, maxCost: maxCost) }

    private mutating func renew(_ place: Int) {
        if place == newest { return }
        unlink(place)
        linkAsNewest(place)
    }

    private mutating func unlink(_ place: Int) {
        guard let node = nodes[place] else { return }
        if node.newer >= 0 { nodes[node.newer]?.older = node.older } else { newest = node.older }
        if node.older >= 0 { nodes[node.older]?.newer = node.newer } else { oldest = node.newer }
    }

    private mutating func linkAsNewest(_ place: Int) {
        nodes[place]?.newer = -1
        nodes[place]?.older = newest
        if newest >= 0 { nodes[newest]?.newer = place } else { oldest = place }
        newest = place
    }
}
