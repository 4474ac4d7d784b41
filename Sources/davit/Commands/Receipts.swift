import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

/// A job's manifest: what `davit verify` reads.
struct Receipt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "The manifest of a job as JSON: name, key, size, CRC-64, ETag, version id, request id, time of each upload.",
        discussion: """
            Uploads that are not stored are listed with their state and why. It holds no secret. A line an upload, in the order of the keys.
            Example: davit receipt j-31 > j-31.json; davit verify j-31.json
            Exit status 3 when some of the job is older than keep-history and gone, 4 when all of it is.
            """)
    @OptionGroup var global: GlobalOptions
    @Argument(help: "The job's id, such as j-31.") var job: String

    func run() async throws {
        let client = try await ControlClient.connect(global)
        var page = try await client.receipt(job, after: nil)
        let head = page.head
        // The head's object without its closing brace.
        Output.raw(String(decoding: try ContractJSON.encode(head).dropLast(), as: UTF8.self) + ",\"objects\":[")
        var count = 0
        while true {
            var text = ""
            for object in page.objects {
                text += (count == 0 ? "\n" : ",\n") + String(decoding: try ContractJSON.encode(object), as: UTF8.self)
                count += 1
            }
            Output.raw(text)
            guard let next = page.next else { break }
            page = try await client.receipt(job, after: next)
        }
        Output.result("\n],\"total\":\(count)}")
        guard head.gone > 0 else { return }
        Output.note("davit: \(head.gone) uploads of \(head.job) are older than keep-history: nothing is known of them any more")
        throw Finished(exit: count > 0 ? Exit.partly : Exit.nothingMatched)
    }
}

extension ControlClient {
    fileprivate func receipt(_ job: String, after: String?) async throws -> ReceiptPage {
        try await get(ReceiptPage.self, "/v1/jobs/\(Self.encode(job))/receipt?" + Self.query([("after", after), ("limit", "1000")]))
    }
}

/// Asks for each object of a receipt by HEAD.
struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a receipt against what is stored; no local file is read.",
        discussion: """
            Each object is asked for by HEAD with the credentials of the receipt's remote (for oss:// your own), and each difference is a line:
            missing, size, crc64, etag, or unknown where it could not be asked for. Exit status 0 all match, 3 some, 1 none; an upload
            of the receipt that was not stored, or was too old for it, is not one that matches.
            Example: davit receipt j-31 | davit verify -
            """)
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A file that davit receipt wrote; - is standard input.") var receipt: String

    private static let page = 1_000

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 }
        let source = try ReceiptSource(receipt)
        // Other tools may have moved the head behind the objects; a file can be read twice.
        var head = source.isFile ? try source.head() : nil
        var reader = ReceiptReader()
        var sums = VerifyPrinter(global: global)
        var waiting: [VerifyRequest.Object] = []
        while let bytes = try source.next() {
            for object in try Failure.reading(receipt, { () throws(ReceiptReader.Problem) in try reader.feed(bytes) }) {
                guard object.state == "done" else {
                    sums.notDone += 1
                    continue
                }
                waiting.append(VerifyRequest.Object(key: object.key, size: object.size, crc64: object.crc64, etag: object.etag))
                guard waiting.count == Self.page else { continue }
                let known = try head ?? reader.headSoFar ?? { throw Self.headComesLate }()
                head = known
                try sums.add(try await check(waiting, known, client))
                waiting = []
                if let deadline, ContinuousClock.now >= deadline {
                    throw Failure("time is over (--timeout): \(sums.checked) objects were checked", exit: Exit.timeout)
                }
            }
        }
        let known = try Failure.reading(receipt) { () throws(ReceiptReader.Problem) in try reader.finish() }
        if !waiting.isEmpty { try sums.add(try await check(waiting, known, client)) }
        try sums.end(gone: known.gone)
    }

    private static let headComesLate = Failure(
        "the receipt names its bucket behind its objects, which standard input cannot give back. Save it to a file and verify that",
        exit: Exit.usage)

    private func check(_ objects: [VerifyRequest.Object], _ head: ReceiptHead, _ client: ControlClient) async throws -> VerifyResult {
        let place = head.remote.map { $0 + ":" } ?? "oss://\(head.bucket)/"
        let request = VerifyRequest(
            remote: head.remote, bucket: head.bucket, objects: objects, credentials: global.environmentCredentials(for: place))
        return try await client.patient.post("/v1/verify", request, as: VerifyResult.self)
    }
}

/// Prints differences as they are found, and what it came to.
private struct VerifyPrinter {
    let global: GlobalOptions
    var notDone = 0
    private(set) var checked = 0
    private var matched = 0
    private var lines = 0

    init(global: GlobalOptions) { self.global = global }

    mutating func add(_ result: VerifyResult) throws {
        checked += result.checked
        matched += result.matched
        for item in result.mismatches {
            if global.json {
                let text = String(decoding: try ContractJSON.encode(item), as: UTF8.self)
                Output.raw((lines == 0 ? "{\"schema\":1,\"items\":[\n" : ",\n") + text)
            } else {
                let fields = [item.what, Output.clean(item.key), Output.clean(item.expected ?? ""), Output.clean(item.found ?? "")]
                Output.result(global.plain ? fields.joined(separator: "\t") : Self.sentence(item))
            }
            lines += 1
        }
    }

    private static func sentence(_ item: VerifyResult.Mismatch) -> String {
        let key = Output.clean(item.key)
        switch item.what {
        case "missing": return "missing  \(key)"
        case "unknown": return "unknown  \(key)  \(Output.clean(item.found ?? "it could not be asked for"))"
        default: return "\(item.what)  \(key)  \(Output.clean(item.found ?? "")) is stored, the receipt says \(Output.clean(item.expected ?? ""))"
        }
    }

    func end(gone: Int) throws {
        if global.json {
            let opening = lines == 0 ? "{\"schema\":1,\"items\":[" : "\n"
            Output.result("\(opening)],\"total\":\(checked),\"matched\":\(matched),\"not_done\":\(notDone),\"gone\":\(gone),\"truncated\":false}")
        } else if !global.quiet {
            Output.note("\(matched) of \(checked) objects are as the receipt says")
            if notDone > 0 { Output.note("\(notDone) uploads were not stored when the receipt was made: not checked") }
            if gone > 0 { Output.note("\(gone) uploads were too old for the receipt: not checked") }
        }
        let all = checked + notDone + gone
        guard all > 0 else { throw Finished(exit: Exit.nothingMatched) }
        if matched < all { throw Finished(exit: matched > 0 ? Exit.partly : Exit.failed) }
    }
}

/// The bytes of a receipt, a piece at a time.
private final class ReceiptSource {
    private static let piece = 64 << 10

    let name: String
    private let descriptor: Int32
    let isFile: Bool

    init(_ name: String) throws {
        self.name = name
        descriptor = name == "-" ? 0 : open(name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(name, errno) }
        var information = stat()
        isFile = fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
        if information.st_mode & S_IFMT == S_IFDIR { throw Self.unreadable(name, EISDIR) }
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    /// `nil` at the end.
    func next() throws -> ArraySlice<UInt8>? {
        var bytes = [UInt8](repeating: 0, count: Self.piece)
        while true {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Self.unreadable(name, errno) }
            return count == 0 ? nil : bytes[..<count]
        }
    }

    /// Reads it once to find its head, and begins again.
    func head() throws -> ReceiptHead {
        let start = lseek(descriptor, 0, SEEK_CUR)
        var reader = ReceiptReader()
        while let bytes = try next() {
            _ = try Failure.reading(name) { () throws(ReceiptReader.Problem) in try reader.feed(bytes) }
            if let head = reader.headSoFar {
                lseek(descriptor, start, SEEK_SET)
                return head
            }
        }
        let head = try Failure.reading(name) { () throws(ReceiptReader.Problem) in try reader.finish() }
        lseek(descriptor, start, SEEK_SET)
        return head
    }

    private static func unreadable(_ name: String, _ number: Int32) -> Failure {
        Failure("\(Output.clean(name)) cannot be read (\(String(cString: strerror(number)))). Name a file that davit receipt wrote", exit: Exit.usage)
    }
}

extension Failure {
    /// - Throws: what is wrong with the receipt, with its name.
    fileprivate static func reading<T>(_ name: String, _ body: () throws(ReceiptReader.Problem) -> T) throws -> T {
        do throws(ReceiptReader.Problem) { return try body() } catch {
            throw Failure("\(Output.clean(name)) is no receipt (\(Output.clean(error.message))). Make one with: davit receipt JOB", exit: Exit.usage)
        }
    }
}
