import OSSProtocol
import Platform

/// The bytes of one stored object. Files that no object needs any more go with their last reader.
final class StoredContent: Sendable {
    struct Piece: Sendable, Equatable {
        var path: String
        var offset: Int64
        var length: Int64
    }

    let pieces: [Piece]
    let length: Int64
    /// The files of an appendable object, which each longer content of it shares.
    let files: [SharedFile]
    private let state: Lock<(doomed: [String], folder: String?, sha256: [UInt8]?)>

    init(_ pieces: [Piece], files: [SharedFile] = []) {
        (self.pieces, self.files) = (pieces, files)
        length = pieces.reduce(0) { $0 + $1.length }
        state = Lock(([], nil, nil))
    }

    deinit {
        let (files, folder, _) = state.withLock { $0 }
        for file in files { StoreFiles.remove(file) }
        if let folder { StoreFiles.removeFolder(folder) }
    }

    /// The object is gone or replaced.
    func doom(files: [String], folder: String?) { state.withLock { ($0.doomed, $0.folder) = (files, folder) } }

    var knownSHA256: [UInt8]? {
        get { state.withLock { $0.sha256 } }
        set { state.withLock { $0.sha256 = newValue } }
    }
}

/// A file that several contents may be made of. Once doomed, it goes with the last of them.
final class SharedFile: Sendable {
    private let path: String
    private let isDoomed = Lock(false)

    init(path: String) { self.path = path }

    deinit { if isDoomed.withLock({ $0 }) { StoreFiles.remove(path) } }

    func doom() { isDoomed.withLock { $0 = true } }
}

/// Reads stored bytes in order. The file of a small object is open from the start, since the next put replaces it.
final class ContentReader: @unchecked Sendable {
    // Unchecked: handed from the store to the one task that sends the answer, used by one of them at a time.
    let content: StoredContent
    private var current: (index: Int, file: OpenFile)?
    /// Where the last read was, so that reading 10,000 parts in order does not count them from the first again and again.
    private var last: (index: Int, start: Int64) = (0, 0)

    /// 256 KiB: past that larger reads no longer pay.
    private static let most = 256 << 10

    /// - Parameter opensFirst: the first piece lies in the object's own file.
    init(_ content: StoredContent, opensFirst: Bool) throws(StoreError) {
        self.content = content
        if opensFirst, let first = content.pieces.first { current = (0, try OpenFile(reading: first.path)) }
    }

    /// Some bytes from `offset` on, at least one below `end`.
    func read(at offset: Int64, end: Int64) throws(StoreError) -> [UInt8] {
        if offset < last.start { last = (0, 0) }
        var start = last.start
        for index in last.index..<max(last.index, content.pieces.count) {
            let piece = content.pieces[index]
            if offset < start + piece.length {
                last = (index, start)
                let inside = offset - start
                let count = min(piece.length - inside, end - offset, Int64(ContentReader.most))
                let file = try file(index, piece)
                let bytes = try file.read(at: piece.offset + inside, count: Int(count))
                guard bytes.count == count else { throw StoreError("read all of", piece.path, errno: 0) }
                return bytes
            }
            start += piece.length
        }
        throw StoreError("read past the end of", content.pieces.last?.path ?? "an empty object", errno: 0)
    }

    private func file(_ index: Int, _ piece: StoredContent.Piece) throws(StoreError) -> OpenFile {
        if let current, current.index == index { return current.file }
        let file = try OpenFile(reading: piece.path)
        current = (index, file)
        return file
    }

    /// Of everything; made once and remembered.
    func sha256() throws(StoreError) -> [UInt8] {
        if let known = content.knownSHA256 { return known }
        var digest = SHA256Stream()
        var offset: Int64 = 0
        while offset < content.length {
            let bytes = try read(at: offset, end: content.length)
            digest.update(bytes)
            offset += Int64(bytes.count)
        }
        let value = digest.finish()
        content.knownSHA256 = value
        return value
    }
}
