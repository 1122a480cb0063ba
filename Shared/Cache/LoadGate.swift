/// Too many loads wait already; nothing was asked. Known at once.
package struct CacheOverloaded: Error, Hashable, Sendable {
    package init() {}
}
