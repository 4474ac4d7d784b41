import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct FixedProviderTests {
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    @Test func secretAndTokenComeFromTheirFilesWithoutTheirLineEnds() async throws {
        let provider = FixedProvider(
            accessKeyID: "LTAI1", secretFile: try folder.write("secret", " s3cret\r\n"),
            securityTokenFile: try folder.write("token", "CAIS\n"))

        let issued = try await provider.fetch()

        #expect(
            issued.credentials
                == Credentials(accessKeyID: "LTAI1", accessKeySecret: Secret("s3cret"), securityToken: Secret("CAIS")))
    }

    @Test func aChangedFileCountsAtTheNextFetch() async throws {
        let provider = FixedProvider(accessKeyID: "LTAI1", secretFile: try folder.write("secret", "old"), securityTokenFile: nil)
        _ = try await provider.fetch()

        _ = try folder.write("secret", "new")

        #expect(try await provider.fetch().credentials.accessKeySecret == Secret("new"))
    }

    @Test(
        arguments: [
            ("s3cret-of-mine", 0o644, "chmod 600"), ("", 0o600, "is empty"), ("two\nlines", 0o600, "One line"),
            ("schlüssel", 0o600, "ASCII"),
        ] as [(String, mode_t, String)])
    func aFileThatCannotBeUsedIsRefusedByItsKey(text: String, mode: mode_t, says: String) async throws {
        let provider = FixedProvider(accessKeyID: "LTAI1", secretFile: try folder.write("secret", text, mode: mode), securityTokenFile: nil)

        let said = await failure(of: provider)

        #expect(said?.isRefused == true && said?.text.contains(says) == true && said?.text.contains("access-key-secret-file") == true)
        #expect(said?.text.contains("s3cret-of-mine") == false)
    }

    @Test func aMissingFileIsNamed() async {
        let provider = FixedProvider(accessKeyID: "LTAI1", secretFile: folder.path + "/none", securityTokenFile: nil)

        #expect(await failure(of: provider)?.text.contains(folder.path + "/none") == true)
    }
}
