import Testing

@testable import Bus
