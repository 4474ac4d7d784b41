import Testing
@testable import TransferCore
@Test func x() {}
