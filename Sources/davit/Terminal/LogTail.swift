import Contracts
import Glibc
import Platform
import TerminalUI

/// The end of the engine's log for the Log screen, then what is written to it. Read from the file, so that it can be looked at when the
/// engine is gone.
final class LogTail: Sendable {
    private struct Place {
        var descriptor: Int32 = -1
        var inode: UInt = 0
        /// Bytes that were read of the file, and what of them ends without a line end.
        var offset = 0
        var torn: [UInt8] = []
    }
    /// So much of the end is shown; `davit log` has all of it. Bytes.
    private static let most = 1 << 20

    private let path: String
    private let place = Lock(Place())

    init(path: String) { self.path = path }

    /// - Parameter isWhole: the end of the file again, not only what was written since.
    func read(isWhole: Bool) -> AppEvent {
        place.withLock { place in
            var information = stat()
            guard stat(path, &information) == 0 else { return .logFailed("There is no log yet (\(path)).") }
            var isWhole = isWhole
            if place.descriptor < 0 || UInt(information.st_ino) != place.inode || isWhole {
                // Rotated: the new file goes on where the old one ended.
                let isRotated = place.descriptor >= 0 && !isWhole
                if place.descriptor >= 0 { close(place.descriptor) }
                place = Place()
                place.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                guard place.descriptor >= 0 else { return .logFailed("\(path) cannot be read (\(String(cString: strerror(errno))))") }
                place.inode = UInt(information.st_ino)
                isWhole = !isRotated
                if isWhole { place.offset = max(0, Int(information.st_size) - Self.most) }
            }
            let isCut = place.offset > 0 && isWhole
            guard let bytes = Self.bytes(&place) else { return .logFailed("\(path) cannot be read (\(String(cString: strerror(errno))))") }
            return .logLines(Self.lines(&place, bytes, isCut: isCut), isWhole: isWhole)
        }
    }

    private static func bytes(_ place: inout Place) -> [UInt8]? {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= most {
            let count = pread(place.descriptor, &block, block.count, off_t(place.offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += block[..<count]
            place.offset += count
        }
        return bytes
    }

    private static func lines(_ place: inout Place, _ bytes: [UInt8], isCut: Bool) -> [LogLine] {
        var pieces = (place.torn + bytes).split(separator: 0x0A, omittingEmptySubsequences: false)
        place.torn = pieces.popLast().map(Array.init) ?? []
        if place.torn.count > most { place.torn = [] }
        // The first line after a jump into the file is half a line.
        if isCut, !pieces.isEmpty { pieces.removeFirst() }
        var time = ""
        return pieces.compactMap { piece in
            guard !piece.isEmpty else { return nil }
            let text = String(decoding: piece, as: UTF8.self)
            let line = LogLine(parsing: text) ?? LogLine(time: time, level: .error, message: text)
            time = line.time
            return line
        }
    }
}
