import Foundation
import Glibc
import OSSProtocol
import Testing

@testable import Credentials

/// A home of its own, removed with what is in it.
private final class Home {
    let path = "/tmp/davit-home-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        chmod(file, mode)
        return file
    }
}

@Suite struct ProfileReadTests {
    private let home: Home
    init() throws { home = try Home() }

    static func ossutil(_ id: String, _ section: String = "default") -> String {
        "[\(section)]\naccess-key-id=\(id)\naccess-key-secret=sk-hidden\nregion=cn-hangzhou\n"
    }
    static func aliyun(_ id: String, _ name: String = "default") -> String {
        #"{"current":"\#(name)","profiles":[{"name":"\#(name)","mode":"AK","access_key_id":"\#(id)","access_key_secret":"sk-hidden"}]}"#
    }
    static func ini(_ id: String, _ section: String = "default") -> String {
        "[\(section)]\ntype=access_key\naccess_key_id=\(id)\naccess_key_secret=sk-hidden\n"
    }

    private func read(_ choice: ProfileChoice = ProfileChoice(), _ environment: [String: String] = [:]) throws -> Profile {
        try Profile.read(choice, environment: ["HOME": home.path].merging(environment) { $1 }, now: Timestamp(seconds: 1_768_464_000))
    }

    private func id(_ choice: ProfileChoice = ProfileChoice(), _ environment: [String: String] = [:]) throws -> String? {
        guard case .inProfile(let credentials, _) = try read(choice, environment).source else { return nil }
        return credentials.accessKeyID
    }

    private func failure(_ choice: ProfileChoice = ProfileChoice(), _ environment: [String: String] = [:]) -> ProviderFailure? {
        do { _ = try read(choice, environment) } catch { return error as? ProviderFailure }
        return nil
    }

    // MARK: - Which file

    @Test func theFilesAreLookedAtInTheirOrder() throws {
        try home.write(".alibabacloud/credentials.ini", ProfileReadTests.ini("fourth"))
        #expect(try id() == "fourth")
        try home.write(".alibabacloud/credentials", ProfileReadTests.ini("third"))
        #expect(try id() == "third")
        try home.write(".aliyun/config.json", ProfileReadTests.aliyun("second", "prod"))
        #expect(try id() == "second")
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("first"))
        #expect(try id() == "first")
    }

    @Test func aFileThatSaysNothingIsPassedOver() throws {
        try home.write(".ossutilconfig", "[default]\nregion=cn-hangzhou\n")
        try home.write(".aliyun/config.json", #"{"current":"default","profiles":[{"name":"default","mode":"AK","access_key_id":""}]}"#)
        try home.write(".alibabacloud/credentials", "[default]\nenable=false\ntype=access_key\n")
        try home.write(".alibabacloud/credentials.ini", ProfileReadTests.ini("last"))

        #expect(try id() == "last")
    }

    @Test func aNameLeadsToTheFileThatHasIt() throws {
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("first"))
        try home.write(".aliyun/config.json", ProfileReadTests.aliyun("second", "prod"))
        try home.write(".alibabacloud/credentials", ProfileReadTests.ini("third", "lab"))

        #expect(try id(ProfileChoice(name: "prod")) == "second" && id(ProfileChoice(name: "lab")) == "third")
    }

    @Test func theVariablesOfTheOfficialToolsChoose() throws {
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("o") + ProfileReadTests.ossutil("o-dev", "profile dev"))
        let other = try home.write("other/config.json", ProfileReadTests.aliyun("a-prod", "prod"))
        let ini = try home.write("other/ini", ProfileReadTests.ini("i") + ProfileReadTests.ini("i-lab", "lab"))
        try home.write("other/ossutil", ProfileReadTests.ossutil("o-other"))

        #expect(try id(ProfileChoice(), ["OSSUTIL_PROFILE": "dev"]) == "o-dev")
        #expect(try id(ProfileChoice(), ["OSSUTIL_CONFIG_FILE": "~/other/ossutil"]) == "o-other")
        #expect(try id(ProfileChoice(name: "prod"), ["ALIBABA_CLOUD_CONFIG_FILE": other]) == "a-prod")
        #expect(try id(ProfileChoice(name: "lab"), ["ALIBABA_CLOUD_CREDENTIALS_FILE": ini]) == "i-lab")
        unlink(home.path + "/.ossutilconfig")
        let both = ["ALIBABA_CLOUD_CONFIG_FILE": other, "ALIBABA_CLOUD_CREDENTIALS_FILE": ini]
        #expect(try id(ProfileChoice(), both) == "a-prod")
        #expect(try id(ProfileChoice(), both.merging(["ALIBABA_CLOUD_PROFILE": "lab"]) { $1 }) == "i-lab")
        #expect(try id(ProfileChoice(), both.merging(["ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true"]) { $1 }) == "i")
    }

    @Test func aFileOfTheConfigurationIsMeantWhateverTheEnvironmentSays() throws {
        let file = try home.write("mine", ProfileReadTests.ossutil("o") + ProfileReadTests.ossutil("o-dev", "profile dev"))

        #expect(try id(ProfileChoice(file: file), ["OSSUTIL_PROFILE": "dev", "OSSUTIL_CONFIG_FILE": "/none"]) == "o")
        #expect(try id(ProfileChoice(file: file, name: "dev")) == "o-dev")
    }

    @Test(arguments: [
        ossutil("x"), "[Credentials]\naccessKeyID=x\naccessKeySecret=sk", aliyun("x"), "\u{FEFF} \n" + aliyun("x"), ini("x"),
        // A type is no word of ossutil's, its sections are.
        "[Credentials]\naccessKeyID=x\naccessKeySecret=sk\ntype=file",
        "[default]\ntype=t\naccess-key-id=x\naccess-key-secret=sk\n[profile dev]\nmode=AK",
    ])
    func aFileIsToldByWhatIsInIt(text: String) throws {
        #expect(try id(ProfileChoice(file: try home.write("f", text))) == "x")
    }

    @Test func withoutAHomeOfItsOwnTheUsersServes() {
        // Whatever lies there, it is looked at: the answer is none of ours.
        let failure = #expect(throws: ProviderFailure.self) {
            try Profile.read(ProfileChoice(name: "a-profile-that-nobody-has"), environment: [:])
        }

        #expect(failure?.text.contains("/.ossutilconfig") == true || failure?.text.contains("no profile") == true)
    }

    // MARK: - What is not there

    @Test func withoutFilesNothingIsConfigured() {
        guard case .notConfigured(let text)? = failure() else {
            Issue.record("\(String(describing: failure()))")
            return
        }
        #expect([".ossutilconfig", ".aliyun/config.json", ".alibabacloud/credentials,"].allSatisfy { text.contains("\(home.path)/\($0)") })
    }

    @Test func aFileThatIsNotThereIsNotConfigured() {
        guard case .notConfigured(let text)? = failure(ProfileChoice(file: "/none/such", name: "x")) else {
            Issue.record("\(String(describing: failure()))")
            return
        }
        #expect(text.contains("/none/such"))
    }

    @Test func aNameThatNoFileHasIsRefusedWithTheNamesThereAre() throws {
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("o") + ProfileReadTests.ossutil("o", "profile dev"))
        try home.write(".aliyun/config.json", ProfileReadTests.aliyun("a", "prod"))

        let said = failure(ProfileChoice(name: "lab"))

        #expect(said?.isRefused == true)
        #expect(said?.text.contains(".ossutilconfig has no profile “lab”; there are “default” and “dev”") == true, "\(said?.text ?? "")")
        #expect(said?.text.contains("config.json has no profile “lab”; there is “prod”") == true)
        #expect(failure(ProfileChoice(), ["OSSUTIL_PROFILE": "x", "ALIBABA_CLOUD_PROFILE": "x"])?.isRefused == true)
    }

    @Test func withoutADefaultAndWithoutANameNothingIsConfigured() throws {
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("o", "profile dev"))

        guard case .notConfigured(let text)? = failure() else {
            Issue.record("\(String(describing: failure()))")
            return
        }
        #expect(text.contains("there is “dev”"))
        #expect(failure(ProfileChoice(file: home.path + "/.ossutilconfig"))?.isRefused == true)
    }

    @Test(arguments: ["OSSUTIL_CONFIG_FILE", "ALIBABA_CLOUD_CONFIG_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE"])
    func aVariableThatLeadsNowhereIsRefusedByItsName(variable: String) {
        for path in ["/none/such", "relative"] {
            let said = failure(ProfileChoice(), [variable: path])

            #expect(said?.isRefused == true && said?.text.contains(variable) == true)
        }
    }

    // MARK: - What is wrong

    @Test func aBrokenFileIsNotPassedOver() throws {
        let file = try home.write(".ossutilconfig", "[default]\naccess-key-id=ak\nsk-hidden\n")
        try home.write(".aliyun/config.json", ProfileReadTests.aliyun("second"))

        let said = failure()

        #expect(said?.isRefused == true && said?.text.hasPrefix("\(file):3: ") == true && said?.text.contains("hidden") == false)
    }

    @Test(arguments: [".ossutilconfig", ".aliyun/config.json", ".alibabacloud/credentials"])
    func aFileWithASecretThatOthersCanReadIsRefused(name: String) throws {
        let texts = [
            ".ossutilconfig": ProfileReadTests.ossutil("x"), ".aliyun/config.json": ProfileReadTests.aliyun("x"),
            ".alibabacloud/credentials": ProfileReadTests.ini("x"),
        ]
        for mode in [0o644, 0o640, 0o604] as [mode_t] {
            let file = try home.write(name, texts[name] ?? "", mode: mode)

            let said = failure()

            #expect(said?.isRefused == true && said?.text.contains("chmod 600 \(file)") == true, "\(said?.text ?? "")")
        }
    }

    @Test func aFileWithoutASecretMayBeReadByOthersButNotWritten() throws {
        let text = "[default]\nmode=Process\ncredential-process=/bin/echo\n"
        try home.write(".ossutilconfig", text, mode: 0o644)

        #expect(try read().source == .process(command: ["/bin/echo"], timeout: .seconds(15)))
        try home.write(".ossutilconfig", text, mode: 0o666)
        #expect(failure()?.isRefused == true)
    }

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        let pipe = "\(home.path)/.ossutilconfig"
        mkfifo(pipe, 0o600)

        #expect(failure()?.isRefused == true)
        unlink(pipe)
        mkdir(pipe, 0o700)
        #expect(failure()?.isRefused == true)
    }

    @Test(arguments: ["1", "true", "TRUE"]) func programsAndServersOfTheCommandLineCanBeForbidden(value: String) throws {
        let variable = "ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS"
        for fields in [#""mode":"External","process_command":"x""#, #""mode":"CredentialsURI","credentials_uri":"http://h/""#] {
            try home.write(".aliyun/config.json", #"{"current":"p","profiles":[{"name":"p",\#(fields)}]}"#)

            #expect(failure(ProfileChoice(), [variable: value])?.text.contains(variable) == true)
            #expect(throws: Never.self) { try read(ProfileChoice(), [variable: "0"]) }
        }
        try home.write(".ossutilconfig", "[default]\ncredential-process=x")
        #expect(throws: Never.self) { try read(ProfileChoice(), [variable: value]) }
    }

    // MARK: - The provider

    private func provider() -> ProfileProvider {
        ProfileProvider(choice: ProfileChoice(), environment: ["HOME": home.path]) { source throws(ProviderFailure) in
            guard case .inProfile(let credentials, let file) = source else { throw .refused("no key") }
            return InProfileProvider(credentials: credentials, file: file)
        }
    }

    @Test func aChangedProfileCountsAtTheNextFetchAndIsAnotherSource() async throws {
        try home.write(".ossutilconfig", ProfileReadTests.ossutil("old"))
        let provider = provider()
        let before = provider.fingerprint
        #expect(try await provider.fetch().credentials.accessKeyID == "old" && provider.fingerprint == before)

        try home.write(".ossutilconfig", ProfileReadTests.ossutil("new"))

        #expect(try await provider.fetch().credentials.accessKeyID == "new" && provider.fingerprint != before)
        #expect(!provider.fingerprint.contains("hidden"))
    }

    @Test func withoutAProfileTheProviderIsNotConfigured() async {
        await #expect {
            _ = try await provider().fetch()
        } throws: {
            if case .notConfigured = $0 as? ProviderFailure { return true }
            return false
        }
    }
}
