import FoundationEssentials

@testable import Platform
@testable import Wire

/// A private folder that is gone with the test.
final class TestFolder: Sendable {
    let path = "/tmp/davit-test-" + Randomness.token()

    init() throws { try SecureFile.makePrivateFolder(path) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
