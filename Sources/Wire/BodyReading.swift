import CCurl
import CPosix
import Glibc
import Platform

/// What libcurl's read callback does: from the file straight into libcurl's buffer, the checksum while the bytes are in cache.
extension Exchange {
    func read(into buffer: UnsafeMutableRawPointer, _ room: Int) -> Int {
        guard let body, let loop, hold == nil else { return Exchange.pause }
        let left = body.length - position
        guard left > 0 else { return 0 }
        if readAhead == nil, loop.times.isSlow || body.source.mayHang { startReadingAhead(body, loop) }

        var wanted = Int(min(Int64(room), left))
        if let readAhead {
            switch readAhead.available() {
            case .bytes(let count): wanted = min(wanted, count)
            case .later: return pause(.reading, loop)
            case .failed(let code): return stop(code, body)
            }
        }
        guard case .bytes(let granted) = loop.grant(wanted, to: self) else { return pause(.rate, loop) }

        var count = granted
        if let readAhead {
            readAhead.copy(into: buffer, granted)
        } else {
            let result = loop.times.measure(granted) { body.source.read(into: buffer, granted, at: body.offset + position) }
            switch result {
            case .success(0): return stop(0, body)
            case .success(let got): count = got
            case .failure(let error): return stop(error.errno, body)
            }
        }
        var crc = crc
        crc.update(UnsafeRawBufferPointer(start: buffer, count: count))

        // As late as possible: between this look and the send, a server that refuses and closes would reset the connection, and
        // its answer would be lost.
        if answerWaits() {
            loop.giveBack(granted, of: self)
            heldForAnswerAt = position
            return pause(.answer, loop)
        }
        guard count < left || isStill(body) else {
            loop.giveBack(granted, of: self)
            return Int(CURL_READFUNC_ABORT)
        }
        if count < granted { loop.giveBack(granted - count, of: self) }
        readAhead?.drop(count)
        self.crc = crc
        position += Int64(count)
        if position == body.length { lastGiven = SystemClock.monotonicNanoseconds() }
        return count
    }

    /// libcurl sends again from the start, because a connection that it used again was dead.
    func rewind() {
        position = 0
        crc = CRC64Stream()
        readAhead = nil
        socket = -1
        heldForAnswerAt = -1
    }

    /// A small body as a whole, so that it leaves in one send with its headers.
    /// - Returns: false when it cannot be read; `failure` says why.
    func readWhole(_ body: FileBody, into buffer: UnsafeMutableRawPointer) -> Bool {
        switch body.source.read(into: buffer, Int(body.length), at: body.offset) {
        case .success(let count) where count == Int(body.length):
            guard isStill(body) else { return false }
            crc.update(UnsafeRawBufferPointer(start: buffer, count: count))
            position = body.length
            return true
        case .success: failure = Exchange.failure(0, body)
        case .failure(let error): failure = Exchange.failure(error.errno, body)
        }
        return false
    }

    /// Everything was read. Of a guarded body the rest leaves only if it is all of one state of the file.
    private func isStill(_ body: FileBody) -> Bool {
        // Who reads ahead has looked.
        guard body.isGuarded, readAhead == nil, !body.source.isUnchanged else { return true }
        failure = (.source(errno: 0), "\(body.source.path) was written to while it was read")
        return false
    }

    private static let pause = Int(CURL_READFUNC_PAUSE)
    private func pause(_ hold: Hold, _ loop: CurlLoop) -> Int {
        loop.hold(self, hold)
        return Exchange.pause
    }

    private func stop(_ code: Int32, _ body: FileBody) -> Int {
        failure = Exchange.failure(code, body)
        return Int(CURL_READFUNC_ABORT)
    }

    private static func failure(_ code: Int32, _ body: FileBody) -> (TransportError.Kind, String) {
        let why = code == 0 ? "it is shorter than it was" : FileError.text(of: code)
        return (.source(errno: code), "\(body.source.path) cannot be read (\(why))")
    }

    private func startReadingAhead(_ body: FileBody, _ loop: CurlLoop) {
        readAhead = ReadAhead(
            source: body.source, isGuarded: body.isGuarded, from: body.offset + position, to: body.offset + body.length, bufferSize: loop.settings.uploadBuffer,
            pool: loop.pool, times: loop.times, wake: { [weak loop, id] in loop?.resume(id) })
    }

    private func answerWaits() -> Bool {
        guard heldForAnswerAt != position else { return false }
        return currentSocket() >= 0 && dposix_bytes_wait(socket) == 1
    }
}

struct ReadFailure: Error { let errno: Int32 }

extension SourceFile {
    /// As many bytes as there are, up to `count`: fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawPointer, _ count: Int, at offset: Int64) -> Result<Int, ReadFailure> {
        var done = 0
        while done < count {
            let got = pread(descriptor, buffer + done, count - done, off_t(offset + Int64(done)))
            if got < 0 && errno == EINTR { continue }
            if got < 0 { return .failure(ReadFailure(errno: errno)) }
            if got == 0 { break }
            done += got
        }
        return .success(done)
    }
}
