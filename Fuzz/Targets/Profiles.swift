import OSSProtocol

@testable import Credentials

/// Profiles of the official tools: ossutil's INI, the aliyun command line's JSON, the credential SDKs' INI.
@Sendable func fuzzProfiles(_ input: [UInt8]) {
    checkINI(input)
    checkWords(text(input))
    for format in [nil, .ossutil, .aliyun, .credentialsFile] as [ProfileFormat?] { checkProfiles(input, format) }
}

private let now = Timestamp(seconds: 1_768_465_800)

private func checkProfiles(_ input: [UInt8], _ format: ProfileFormat?) {
    do throws(ProfileError) {
        let file = try ProfileFile(path: "/f", bytes: input, format: format)
        let names: [String?] = [nil, "default"] + file.names.prefix(6).map { $0 }
        for name in names { checkProfile(file, name, input, format) }
    } catch {
        checkFailure(error, secrets: [])
    }
}

private func checkProfile(_ file: ProfileFile, _ name: String?, _ input: [UInt8], _ format: ProfileFormat?) {
    do throws(ProfileError) {
        let profile = try file.profile(name, at: now)
        let again = try ProfileFile(path: "/f", bytes: input, format: format).profile(name, at: now)
        require(again == profile, "the same file gives the same profile")
        for secret in secrets(of: profile.source) {
            require(file.holdsSecrets, "a file with a secret in it is known to hold one")
            if let id = profile.source.keyID { requireHidden(secret, beside: id, in: "\(profile.source)", "what a profile gives") }
        }
        checkSource(profile.source, depth: 0)
        _ = profile.at(bucket: "b")
    } catch {
        checkFailure(error, secrets: secretValues(input))
    }
}

private func secrets(of source: CredentialSource) -> [String] {
    switch source {
    case .inProfile(let credentials, _): [credentials.accessKeySecret.reveal()]
    case .assumeRole(_, let source): secrets(of: source)
    default: []
    }
}

extension CredentialSource {
    fileprivate var keyID: String? { if case .inProfile(let credentials, _) = self { credentials.accessKeyID } else { nil } }
}

/// Whatever a provider is given can be put into a request as it is.
private func checkSource(_ source: CredentialSource, depth: Int) {
    require(depth <= 10, "profiles on top of each other end")
    switch source {
    case .inProfile(let credentials, _):
        for text in [credentials.accessKeyID, credentials.accessKeySecret.reveal(), credentials.securityToken?.reveal() ?? "x"] {
            require(!text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "what goes into headers is printable")
        }
    case .assumeRole(let role, let source):
        require(role.roleARN.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a role's name is printable")
        if let endpoint = role.stsEndpoint { require(WebAddress(endpoint) != nil, "an STS endpoint is an address") }
        checkSource(source, depth: depth + 1)
    case .uri(let url): require(WebAddress(url) != nil, "a URI is an address")
    case .process(let command, let timeout):
        require(command.first?.isEmpty == false && !command.contains { $0.utf8.contains(0) }, "a command can be run")
        require((.seconds(1)...(.seconds(600))).contains(timeout), "a command has its time")
    default: break
    }
}

private func checkFailure(_ error: ProfileError, secrets: [String]) {
    guard case .wrong(let line, let text) = error else { return }
    require(line.map { $0 >= 1 } ?? true, "lines count from 1")
    require(isOneLine(text) && text.unicodeScalars.count <= 3000, "a failure is one line of bounded length: \(text.debugDescription)")
    for secret in secrets { requireHidden(secret, in: text, "a failure") }
}

/// Values of the file's secret keys, as far as they stand nowhere else in it.
private func secretValues(_ input: [UInt8]) -> [String] {
    guard input.count <= 4096, let file = try? INIFile(parsing: input) else { return [] }
    let all = text(input)
    let secrets = file.sections.flatMap(\.entries).filter { ProfileKey.isSecret($0.key) && $0.value.contains("secretsecret") }.map(\.value)
    return secrets.filter { all.split(separator: $0, omittingEmptySubsequences: false).count == 2 }
}

// MARK: - The grammars below

private func checkINI(_ input: [UInt8]) {
    guard let file = try? INIFile(parsing: input) else { return }
    let lines = input.count { $0 == 10 } + 1
    var written = ""
    for section in file.sections {
        written += "[\(section.name)]\n"
        for entry in section.entries {
            require((1...lines).contains(entry.line), "an entry has its place in the text")
            // Both quotes in one value: it stands there as it was written.
            let quotes = ["\"", "'"].filter { !entry.value.utf8.contains($0.utf8.first ?? 0) }
            let quote = quotes.first ?? ""
            written += "\(entry.key) = \(quote)\(entry.value)\(quote)\n"
        }
    }
    guard let again = try? INIFile(parsing: Array(written.utf8)) else {
        return require(
            written.utf8.split(separator: 10).contains { $0.count > INIFile.longestLine } || written.utf8.count > INIFile.mostBytes
                || written.utf8.count { $0 == 10 } >= INIFile.mostLines, "INI that was written can be read: \(written.debugDescription)")
    }
    require(again.sections.map(\.name).elementsEqual(file.sections.map(\.name), by: same), "sections that were written read the same")
    for (a, b) in zip(again.sections, file.sections) {
        let isEqual = a.entries.elementsEqual(b.entries) { same($0.key, $1.key) && same($0.value, $1.value) }
        require(isEqual, "entries that were written read the same: \(written.debugDescription)")
    }
}

private func checkWords(_ text: String) {
    guard let words = CommandWords.split(text) else { return }
    let quoted = words.map { word in
        "'"
            + word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: #"'\''"#) + "'"
    }
    let again = CommandWords.split(quoted.joined(separator: " "))
    require(again?.elementsEqual(words, by: same) == true, "words that were quoted are split the same")
}
