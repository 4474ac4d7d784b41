import Glibc
import Testing

@testable import Platform
@testable import Wire

@Suite struct SecureFileTests {
    private let home: TestFolder
    var folder: String { home.path }

    init() throws { home = try TestFolder() }

    @Test func aPipeIsNoSecretAndIsNotWaitedFor() {
        mkfifo(folder + "/pipe", 0o600)

        #expect(throws: FileError.self) { try SecureFile.read(folder + "/pipe", limit: 10, mustBePrivate: true) }
    }

    @Test func aLinkToAPrivateFileIsFollowedAndItsTargetJudged() throws {
        try SecureFile.write(folder + "/secret", [1])
        symlink(folder + "/secret", folder + "/link")

        #expect(try SecureFile.read(folder + "/link", limit: 10, mustBePrivate: true) == [1])
        chmod(folder + "/secret", 0o644)
        #expect(throws: FileError.self) { try SecureFile.read(folder + "/link", limit: 10, mustBePrivate: true) }
    }

    @Test func whatIsNotThereIsAbsent() {
        let failure = #expect(throws: FileError.self) { try SecureFile.read(folder + "/none", limit: 10, mustBePrivate: false) }

        #expect(failure?.isAbsent == true)
        #expect(failure?.message == "\(folder)/none cannot be read (No such file or directory)")
    }

    @Test func nothingIsLeftBesideAWrittenFile() throws {
        for _ in 0..<3 { try SecureFile.write(folder + "/a", [1, 2]) }
        mkdir(folder + "/d", 0o700)
        #expect(throws: FileError.self) { try SecureFile.write(folder + "/d", [2]) }

        #expect(names() == ["a", "d"])
    }

    @Test func aFullDiskIsNamedWithWhatToDo() {
        let failure = FileError(path: "/x", errno: ENOSPC, what: "cannot be written")

        #expect(failure.isOutOfSpace)
        #expect(failure.message == "/x cannot be written (No space left on device). Free some space on its disk")
    }

    @Test(arguments: [0o755, 0o777, 0o750] as [mode_t]) func aFolderOfOursIsClosedToOthers(mode: mode_t) throws {
        mkdir(folder + "/open", 0o700)
        chmod(folder + "/open", mode)

        try SecureFile.makePrivateFolder(folder + "/open")

        var information = stat()
        stat(folder + "/open", &information)
        #expect(information.st_mode & 0o777 == 0o700)
    }

    @Test func aLinkInAFolderOfEverybodysIsNotTrusted() throws {
        mkdir(folder + "/everybody", 0o700)
        chmod(folder + "/everybody", 0o1777)
        mkdir(folder + "/target", 0o755)
        symlink(folder + "/target", folder + "/everybody/davit-0")
        symlink(folder + "/target", folder + "/own")

        #expect(throws: FileError.self) { try SecureFile.makePrivateFolder(folder + "/everybody/davit-0") }
        try SecureFile.makePrivateFolder(folder + "/own")
    }

    @Test func missingFoldersAreMadeOnTheWay() throws {
        try SecureFile.makePrivateFolder(folder + "/a/b/c")

        try SecureFile.write(folder + "/a/b/c/file", [1])
        #expect(try SecureFile.read(folder + "/a/b/c/file", limit: 1, mustBePrivate: true) == [1])
    }

    private func names() -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

@Suite struct RandomnessTests {
    @Test func tokensDifferAndAreSafeInAPath() {
        let tokens = (0..<100).map { _ in Randomness.token() }

        #expect(Set(tokens).count == 100)
        #expect(
            tokens.allSatisfy { $0.utf8.count == 24 && $0.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x32...0x37).contains($0) } })
    }
}

@Suite struct LockTests {
    @Test func concurrentChangesAreAllKept() async {
        let count = Lock(0)

        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { count.withLock { $0 += 1 } } } }
        }

        #expect(count.withLock { $0 } == 80_000)
    }
}
