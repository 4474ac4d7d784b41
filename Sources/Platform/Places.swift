import Glibc

/// Where things lie (docs/interface.md, "Places"); makes nothing. `DAVIT_HOME` moves everything at once; without it the XDG folders.
public struct Places: Sendable, Equatable {
    public let configFolder: String
    public let configFile: String
    public let stateFolder: String
    public let database: String
    public let logFile: String
    public let credentialsFolder: String
    /// Standard input until it is stored.
    public let spoolFolder: String
    public let runFolder: String
    public let socket: String
    public let lockFile: String

    /// A Unix socket's path may have 107 bytes (`sun_path`).
    private static let longestSocket = 107

    public init(environment: [String: String]) throws(FileError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        /// XDG: a relative path is to be ignored.
        func absolute(_ name: String) -> String? { value(name).flatMap { $0.utf8.first == 0x2F ? $0 : nil } }
        let user = getuid()
        let temporary = absolute("TMPDIR") ?? "/tmp"
        var run: String
        if let home = value("DAVIT_HOME") {
            guard home.utf8.first == 0x2F else {
                throw FileError(
                    path: home, errno: 0, what: "cannot be DAVIT_HOME", why: "it is not an absolute path", advice: "Give it from / on")
            }
            let home = Places.withoutSlash(home)
            configFolder = home
            stateFolder = home + "/state"
            run = home + "/run"
        } else {
            guard let home = absolute("HOME") ?? Places.homeOfUser() else {
                throw FileError(path: "HOME", errno: 0, what: "cannot be used", why: "it is not set", advice: "Set HOME or DAVIT_HOME")
            }
            configFolder = (absolute("XDG_CONFIG_HOME") ?? home + "/.config") + "/davit"
            stateFolder = (absolute("XDG_STATE_HOME") ?? home + "/.local/state") + "/davit"
            run = absolute("XDG_RUNTIME_DIR").map { $0 + "/davit" } ?? temporary + "/davit-\(user)"
        }
        if (run + "/engine.sock").utf8.count > Places.longestSocket {
            // Two homes must never meet: the folder is named by the whole path.
            let name = "/davit-\(user)-" + Places.fingerprint(run)
            run = (temporary + name + "/engine.sock").utf8.count > Places.longestSocket ? "/tmp" + name : temporary + name
        }
        configFile = configFolder + "/config.toml"
        database = stateFolder + "/davit.sqlite"
        logFile = stateFolder + "/engine.log"
        credentialsFolder = stateFolder + "/credentials"
        spoolFolder = stateFolder + "/spool"
        runFolder = run
        socket = run + "/engine.sock"
        lockFile = run + "/engine.lock"
    }

    private static func withoutSlash(_ path: String) -> String {
        var path = Substring(path)
        while path.utf8.count > 1 && path.utf8.last == 0x2F { path = path.dropLast() }
        return String(path)
    }

    private static func homeOfUser() -> String? { getpwuid(getuid()).flatMap { $0.pointee.pw_dir.map { String(cString: $0) } } }

    /// FNV-1a, 64 bits: only has to tell paths apart.
    private static func fingerprint(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 36)
    }
}

/// The folder this program lies in, links followed.
public func executableFolder() -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard count > 0 else { return "." }
    let path = String(decoding: buffer[0..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return SecureFile.parent(path)
}
