import Glibc
import Platform

/// The folders an engine lives in and the locks that make it the only one there.
struct EngineHome {
    /// Why no engine can run here; one sentence.
    enum Failure: Error {
        /// An engine runs already; its process id when it left one.
        case running(pid: Int?)
        case unusable(String)
    }

    let places: Places
    let socket: String
    private let locks: [FileLock]

    /// Makes what is missing, then takes the locks: first that of the socket's folder, then that of the queue, so that two engines
    /// that see different run folders still never share a queue.
    static func enter(_ places: Places, socket: String?) throws(Failure) -> EngineHome {
        let socket = socket ?? places.socket
        do throws(FileError) {
            try SecureFile.makePrivateFolder(places.stateFolder)
            try SecureFile.makePrivateFolder(places.credentialsFolder)
            try SecureFile.makePrivateFolder(places.runFolder)
            guard let run = try FileLock.take(places.lockFile) else {
                throw FileError(path: places.lockFile, errno: EWOULDBLOCK, what: "is held")
            }
            run.write("\(getpid())\n")
            let stateLock = places.stateFolder + "/engine.lock"
            guard let state = try FileLock.take(stateLock) else { throw FileError(path: stateLock, errno: EWOULDBLOCK, what: "is held") }
            state.write("\(getpid())\n")
            return EngineHome(places: places, socket: socket, locks: [run, state])
        } catch {
            guard error.errno == EWOULDBLOCK else { throw .unusable(error.message) }
            let pid = EngineHome.pid(in: error.path)
            if error.path == places.lockFile { throw .running(pid: pid) }
            throw .unusable(
                "another engine\(pid.map { " (process \($0))" } ?? "") works on the queue in \(places.stateFolder), with its socket elsewhere. Use the XDG_RUNTIME_DIR or DAVIT_HOME it was started with"
            )
        }
    }

    private static func pid(in path: String) -> Int? {
        guard let bytes = try? SecureFile.read(path, limit: 64, mustBePrivate: false) else { return nil }
        return Int(String(decoding: bytes.prefix { (48...57).contains($0) }, as: UTF8.self))
    }
}
