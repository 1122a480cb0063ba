import Contracts

extension Routes {
    /// Partitions that one instance had before and another one has now, or nobody.
    func moved(since before: Routes?) -> PartitionSet {
        guard let before else { return PartitionSet() }
        let kept = Dictionary(instances.map { ($0.name, $0.partitions) }) { $1 }
        return before.instances.reduce(PartitionSet()) { moved, instance in
            moved.union(instance.partitions.subtracting(kept[instance.name] ?? PartitionSet()))
        }
    }
}
