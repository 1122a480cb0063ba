/// A map with bounds on count and cost; evicts the least recently used element first.
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
    private var indices: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1
    private(set) var cost = 0
    let maxCount: Int
    let maxCost: Int

    package init(maxCount: Int, maxCost: Int) {
        self.maxCount = maxCount
        self.maxCost = maxCost
    }

    package var count: Int { indices.count }

    /// The element of `key`, without marking it as used.
    func peek(_ key: Key) -> Element? { indices[key].flatMap { nodes[$0]?.element } }

    /// The element of `key`, which becomes the most recently used.
    package mutating func use(_ key: Key) -> Element? {
        guard let index = indices[key] else { return nil }
        markAsNewest(index)
        return nodes[index]?.element
    }

    /// Changes the element of `key`, which becomes the most recently used. Its cost stays.
    mutating func use(_ key: Key, _ change: (inout Element) -> Void) {
        guard let index = indices[key] else { return }
        markAsNewest(index)
        if var node = nodes[index] {
            change(&node.element)
            nodes[index] = node
        }
    }

    /// Stores `element`. If its cost exceeds the bound, the key is removed instead.
    package mutating func set(_ key: Key, _ element: Element, cost: Int) {
        remove(key)
        if cost > maxCost { return }
        let index = free.popLast() ?? nodes.count
        let node = Node(key: key, element: element, cost: cost)
        if index == nodes.count { nodes.append(node) } else { nodes[index] = node }
        indices[key] = index
        self.cost += cost
        linkAsNewest(index)
        while count > maxCount || self.cost > maxCost, let last = nodes[oldest]?.key { remove(last) }
    }

    mutating func remove(_ key: Key) {
        guard let index = indices.removeValue(forKey: key) else { return }
        unlink(index)
        cost -= nodes[index]?.cost ?? 0
        nodes[index] = nil
        free.append(index)
    }

    mutating func removeAll() { self = LRU(maxCount: maxCount, maxCost: maxCost) }

    private mutating func markAsNewest(_ index: Int) {
        if index == newest { return }
        unlink(index)
        linkAsNewest(index)
    }

    private mutating func unlink(_ index: Int) {
        guard let node = nodes[index] else { return }
        if node.newer >= 0 { nodes[node.newer]?.older = node.older } else { newest = node.older }
        if node.older >= 0 { nodes[node.older]?.newer = node.newer } else { oldest = node.newer }
    }

    private mutating func linkAsNewest(_ index: Int) {
        nodes[index]?.newer = -1
        nodes[index]?.older = newest
        if newest >= 0 { nodes[newest]?.newer = index } else { oldest = index }
        newest = index
    }
}
