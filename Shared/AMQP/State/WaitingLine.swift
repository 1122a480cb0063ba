import DequeModule

/// Messages that wait for room, oldest first. One may leave the line early; what it occupied is given back without looking through the line each time.
struct WaitingLine<Element> {
    private struct Place {
        let id: UInt64
        var element: Element?
    }

    /// Ascending by id.
    private var places: Deque<Place> = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// For tests of the bound.
    var kept: Int { places.count }

    /// - Parameter id: greater than all before.
    mutating func append(_ element: Element, id: UInt64) {
        places.append(Place(id: id, element: element))
        count += 1
    }

    var first: Element? {
        mutating get {
            dropEmpty()
            return places.first?.element
        }
    }

    mutating func popFirst() -> (id: UInt64, element: Element)? {
        dropEmpty()
        guard let place = places.popFirst(), let element = place.element else { return nil }
        count -= 1
        return (place.id, element)
    }

    mutating func remove(id: UInt64) {
        guard let index = index(of: id), places[index].element != nil else { return }
        places[index].element = nil
        count -= 1
        if places.count > 2 * count + 16 { places.removeAll { $0.element == nil } }
    }

    private mutating func dropEmpty() {
        while let place = places.first, place.element == nil { places.removeFirst() }
    }

    private func index(of id: UInt64) -> Int? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < places.count && places[low].id == id ? low : nil
    }
}
