import NIOCore
import OSSProtocol
import Platform

/// Takes one body: its digests are made on the way, its bytes go to a file of its own. Small bodies stay in memory, since they end
/// up in the file of their object. Until `keep()` is called, the file is removed with the writer.
final class BodyWriter {
    private let path: String
    private let inlineLimit: Int
    private var file: OpenFile?
    private var isKept = false
    private var md5: MD5Stream?
    private var checksum = CRC64Stream()
    private(set) var inline: [UInt8] = []
    private(set) var length: Int64 = 0

    /// - Parameters:
    ///   - path: of the file, made when the body outgrows `inlineLimit` bytes.
    ///   - usesMD5: see `SandboxSettings.quickETags`.
    init(path: String, inlineLimit: Int, usesMD5: Bool) {
        self.path = path
        self.inlineLimit = inlineLimit
        md5 = usesMD5 ? MD5Stream() : nil
    }

    deinit { if file != nil, !isKept { StoreFiles.remove(path) } }

    var isInline: Bool { file == nil }
    var filePath: String { path }
    /// The last component of the path.
    var fileName: String { String(decoding: path.utf8.split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self) }
    var crc64: UInt64 { checksum.value }

    func append(_ piece: ByteBuffer) throws(StoreError) {
        // ByteBuffer's closure loses the error's type.
        let outcome: Result<Void, StoreError> = piece.withUnsafeReadableBytes { bytes in
            do throws(StoreError) { return .success(try append(bytes)) } catch { return .failure(error) }
        }
        try outcome.get()
    }

    func append(_ piece: some Sequence<UInt8>) throws(StoreError) {
        let bytes = Array(piece)
        let outcome: Result<Void, StoreError> = bytes.withUnsafeBytes { bytes in
            do throws(StoreError) { return .success(try append(bytes)) } catch { return .failure(error) }
        }
        try outcome.get()
    }

    private func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        checksum.update(bytes)
        md5?.update(bytes)
        length += Int64(bytes.count)
        if file == nil, inline.count + bytes.count <= inlineLimit {
            inline.append(contentsOf: bytes)
            return
        }
        try spill().write(bytes)
    }

    private func spill() throws(StoreError) -> OpenFile {
        if let file { return file }
        let made = try OpenFile(creating: path)
        file = made
        try made.write(inline)
        inline = []
        return made
    }

    /// Ends the body: a part always has a file, even an empty one.
    func finish(needsFile: Bool, syncs: Bool) throws(StoreError) -> BodyDigest {
        if needsFile { _ = try spill() }
        if syncs { try file?.sync() }
        // Nothing that a client may read into it is lost: 16 bytes that follow from the content.
        let digest =
            md5?.finish() ?? withUnsafeBytes(of: (checksum.value.bigEndian, length.bigEndian)) { Array($0) }
        return BodyDigest(length: length, crc64: checksum.value, md5: digest, isMD5: md5 != nil)
    }

    func keep() { isKept = true }
}

struct BodyDigest: Sendable, Equatable {
    var length: Int64
    var crc64: UInt64
    /// 16 bytes.
    var md5: [UInt8]
    /// False where the 16 bytes are made up, for speed.
    var isMD5: Bool

    /// Upper case, without quotes.
    var etag: String { Hex.encode(md5).uppercased() }
}
