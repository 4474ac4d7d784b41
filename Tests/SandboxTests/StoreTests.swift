import OSSProtocol
import Testing

@testable import Sandbox

/// What is on the disk after a kill at any moment is the state before or the state after.
@Suite struct StoreTests {
    private func bucketFolder(_ caller: Caller) -> String { "\(caller.folder)/buckets/\(caller.settings.bucket)" }

    private func names(_ store: ObjectStore) -> [String] { store.allObjects().map { $0.object.key.description } }

    @Test func everythingIsThereAfterARestart() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "small", headers: ["x-oss-meta-a": "1", "x-oss-storage-class": "IA"], body: content(10))
        _ = try await caller.send("PUT", "large", body: content(100_000))
        let done = try await caller.initiate("parts")
        let etag = try await caller.upload("parts", done, 1, content(5))
        _ = try await caller.complete("parts", done, [(1, etag)])
        let open = try await caller.initiate("open", headers: ["Content-Type": "a/b"])
        _ = try await caller.upload("open", open, 3, content(7))

        let store = try caller.reopened

        let (before, after) = (caller.parts.store.allObjects().map(\.object), store.allObjects().map(\.object))
        #expect(
            after.map(\.key) == before.map(\.key) && after.map(\.etag) == before.map(\.etag) && after.map(\.crc64) == before.map(\.crc64))
        #expect(after.map(\.attributes) == before.map(\.attributes) && after.map(\.modified) == before.map(\.modified))
        for object in after {
            let (reader, size) = (try store.read(object.key, in: caller.settings.bucket).1, object.size)
            #expect(Hex.encode(try reader.sha256()) == Hex.encode(Digests.sha256(content(Int(size)))))
        }
        #expect(store.allUploads().map(\.upload.parts) == caller.parts.store.allUploads().map(\.upload.parts))
        #expect(store.allUploads().first?.upload.attributes.contentType == "a/b")
    }

    @Test func whatAKillLeftBehindIsRemoved() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: content(100_000))
        let id = try await caller.initiate("open")
        let folder = bucketFolder(caller)
        for path in ["content/half", "uploads/\(id)/new-1"] { try StoreFiles.write("\(folder)/\(path)", [1], syncs: false) }
        try StoreFiles.makeFolder("\(folder)/uploads/NOKEY")
        try StoreFiles.write("\(folder)/uploads/NOKEY/1.0.0.0.0", [1], syncs: false)

        let store = try caller.reopened

        #expect(names(store) == ["k"])
        #expect(try StoreFiles.list("\(folder)/content").count == 1)
        #expect(try StoreFiles.list("\(folder)/uploads") == [id])
        #expect(try StoreFiles.list("\(folder)/uploads/\(id)") == ["upload.json"])
    }

    @Test func aKillRightAfterTheObjectsRenameLeavesACompletedUpload() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, content(9))
        let folder = "\(bucketFolder(caller))/uploads/\(id)"
        let record = try StoreFiles.read("\(folder)/upload.json", limit: 10_000)
        _ = try await caller.complete("k", id, [(1, etag)])
        try StoreFiles.write("\(folder)/upload.json", record, syncs: false)

        let store = try caller.reopened

        #expect(names(store) == ["k"] && store.allUploads().isEmpty)
        #expect(try store.read(ObjectKey("k"), in: caller.settings.bucket).1.read(at: 0, end: 9) == content(9))
        #expect(try StoreFiles.list(folder).contains("upload.json") == false)
    }

    @Test func ofTwoPartsOfOneNumberTheLaterCounts() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        _ = try await caller.upload("k", id, 1, [1])
        let folder = "\(bucketFolder(caller))/uploads/\(id)"
        let first = try #require(try StoreFiles.list(folder).first { $0 != "upload.json" })
        caller.now = caller.now + .seconds(1)
        _ = try await caller.upload("k", id, 1, [2, 2])
        try StoreFiles.write("\(folder)/\(first)", [1], syncs: false)

        #expect(try caller.reopened.allUploads().first?.upload.parts[1]?.size == 2)
        #expect(try StoreFiles.list(folder).count == 2)
    }

    @Test func replacedAndDeletedBytesLeaveTheDisk() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, content(200_000))
        _ = try await caller.complete("k", id, [(1, etag)])

        _ = try await caller.send("PUT", "k", body: content(100_000))
        #expect(try StoreFiles.list("\(bucketFolder(caller))/uploads").isEmpty)
        _ = try await caller.send("DELETE", "k")
        #expect(try StoreFiles.list("\(bucketFolder(caller))/content").isEmpty)
    }

    @Test func ofManyThatForbidOverwritingOneWins() async throws {
        let caller = try Caller()
        let (bucket, store, now) = (caller.settings.bucket, caller.parts.store, caller.now)

        let wins = await withTaskGroup(of: Bool.self) { group in
            for seed in 1...40 {
                group.addTask {
                    let body = store.writer(in: bucket)
                    do {
                        try body.append(.init(bytes: content(seed * 2000, seed: UInt64(seed))))
                        let digest = try body.finish(needsFile: false, syncs: false)
                        _ = try store.put(
                            ObjectKey("k"), in: bucket, body: body, digest: digest, attributes: ObjectAttributes(), now: now,
                            forbidsOverwrite: true)
                        return true
                    } catch {
                        return false
                    }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }

        #expect(wins == 1)
        let (object, reader) = try store.read(ObjectKey("k"), in: bucket)
        #expect(Hex.encode(Digests.md5(try reader.read(at: 0, end: object.size))).uppercased() == object.etag)
        #expect(try StoreFiles.list("\(bucketFolder(caller))/content").count == (object.isInline ? 0 : 1))
    }

    @Test func partsThatCompleteHasNotSeenAreNeitherTakenNorLost() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, content(200_000))
        let seen = try caller.parts.store.upload(id, of: ObjectKey("k"), in: caller.settings.bucket)
        _ = try await caller.upload("k", id, 1, content(200_000, seed: 2))

        #expect(throws: ObjectStore.Refusal.partsChanged) {
            try caller.parts.store.complete(
                seen, in: caller.settings.bucket, parts: Array(seen.parts.values), etag: etag, crc64: 0, attributes: ObjectAttributes(),
                now: caller.now, forbidsOverwrite: false)
        }
        #expect(
            try caller.reopened.allUploads().first?.upload.parts[1]?.etag == Hex.encode(Digests.md5(content(200_000, seed: 2))).uppercased()
        )
    }

    @Test func aDataFolderHasOneSandboxAtATime() throws {
        let caller = try Caller()
        var settings = caller.settings
        settings.data = caller.folder

        let error = #expect(throws: SandboxError.self) { try SandboxParts(settings) }

        #expect(error?.why.contains("another") == true)
    }

    @Test func aDataFolderThatCannotBeWrittenIsNamed() throws {
        var settings = SandboxSettings()
        settings.data = "/proc/nowhere"

        let error = #expect(throws: SandboxError.self) { try SandboxParts(settings) }

        #expect(error?.what.contains("/proc/nowhere") == true && error?.remedy.contains("--data") == true)
    }
}

@Suite struct KeyPageTests {
    /// Written down from the rule: group by the first delimiter after the prefix, leave out what is not greater, cut.
    private func plain(_ keys: [String], _ prefix: String, _ delimiter: String, _ after: String?, _ limit: Int) -> [String] {
        var names: [String] = []
        for key in keys where key.hasPrefix(prefix) {
            let rest = key.dropFirst(prefix.count)
            var name = key
            if !delimiter.isEmpty, let place = rest.firstIndex(of: Character(delimiter)) { name = prefix + rest[...place] }
            if let after, key <= after || name == after { continue }
            if names.last != name { names.append(name) }
        }
        return Array(names.prefix(limit))
    }

    @Test(arguments: 1...300) func aPageIsWhatTheRuleSays(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let letters = ["a", "b", "/", "c/"]
        var keys: Set<String> = []
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            keys.insert((0..<Int.random(in: 1...5, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }.joined())
        }
        let sorted = keys.sorted()
        let prefix = ["", "a", "a/", "b"].randomElement(using: &random) ?? ""
        let delimiter = Bool.random(using: &random) ? "/" : ""
        let after = Bool.random(using: &random) ? sorted.randomElement(using: &random) : nil
        let limit = Int.random(in: 1...8, using: &random)

        let page = KeyPage(
            of: sorted.map { ObjectKey($0) }, prefix: Array(prefix.utf8), delimiter: Array(delimiter.utf8),
            after: after.map { ObjectKey($0) },
            limit: limit)

        #expect(page.entries.map(\.name.description) == plain(sorted, prefix, delimiter, after, limit))
    }

    @Test(arguments: 1...100) func pagesTogetherAreTheWholeListOnce(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var keys: Set<String> = []
        for _ in 0..<40 { keys.insert((0..<3).map { _ in ["a", "/", "b"].randomElement(using: &random) ?? "a" }.joined()) }
        let sorted = keys.sorted().map { ObjectKey($0) }
        let whole = KeyPage(of: sorted, prefix: [], delimiter: [UInt8(ascii: "/")], after: nil, limit: 1000)
        var (seen, next): ([KeyPage.Entry], ObjectKey?) = ([], nil)

        repeat {
            let page = KeyPage(of: sorted, prefix: [], delimiter: [UInt8(ascii: "/")], after: next, limit: 1 + Int(seed % 4))
            seen += page.entries
            next = page.next
        } while next != nil

        #expect(seen == whole.entries && whole.next == nil)
    }

    @Test(arguments: 1...50) func theIndexStaysInOrderWhateverComesAndGoes(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var (index, model): (KeyIndex<Int>, [String: Int]) = (KeyIndex(), [:])
        for step in 0..<200 {
            let key = "k\(Int.random(in: 0...40, using: &random))"
            let value = Bool.random(using: &random) ? step : nil
            index[ObjectKey(key)] = value
            model[key] = value
            if step % 17 == 0 { #expect(index.sortedKeys() == model.keys.map { ObjectKey($0) }.sorted()) }
        }
        #expect(index.sortedKeys() == model.keys.map { ObjectKey($0) }.sorted() && index.count == model.count)
    }
}
