import ArgumentParser
import Contracts
import Glibc
import Platform

/// Reads the engine's log files, the rotated ones too; asks no engine.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "The engine's log, also of an engine that is gone.",
        discussion: """
            Examples:
              davit log --since 1h --level warning      what went wrong in the last hour
              davit log --upload u-7Q4K2                what happened to one upload
              davit log -f                              the last lines, then what comes
            """)
    @OptionGroup var global: GlobalOptions
    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with what is written from now on, until Ctrl-C.")
    var follow = false
    @Option(name: .long, help: ArgumentHelp("Only since then: a duration such as 30m, or a time such as 2026-01-15T08:30 or 08:30.", valueName: "when"))
    var since: String?
    @Option(name: .long, help: ArgumentHelp("This level and above: debug, info, notice, warning or error.", valueName: "level"))
    var level: String?
    @Option(name: .long, help: ArgumentHelp("Only lines of that upload.", valueName: "id"))
    var upload: String?
    @Option(name: [.customShort("n"), .customLong("lines")], help: ArgumentHelp("Only the last ones: 1 to 10000. With -f it is 10 unless told.", valueName: "count"))
    var lines: Int?

    private static let mostLines = 10_000
    private static let usualLines = 10
    /// How often is looked for more.
    private static let interval = Duration.milliseconds(200)

    func run() async throws {
        let filter = try LogFilter(since: since, level: level, upload: upload, now: SystemClock.wall().milliseconds / 1000)
        if let lines, !(1...Self.mostLines).contains(lines) {
            throw Failure("--lines takes a number from 1 to \(Self.mostLines), not \(lines)", exit: Exit.usage)
        }
        let path = try global.places().logFile
        var cursor: LogCursor
        do throws(FileError) { cursor = try LogCursor(path: path, since: filter.since) } catch { throw Failure(Output.clean(error.message)) }
        defer { cursor.close() }
        guard cursor.isOpen || follow else {
            throw Failure("there is no log yet (\(path)). The engine writes it when it runs: davit engine start", exit: Exit.noEngine)
        }
        let interrupts = Interrupts()
        defer { interrupts.stop() }
        let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 }

        var time = ""
        let last = lines ?? (follow && since == nil ? Self.usualLines : nil)
        if let last {
            var kept = LastLines(count: last)
            while let line = try read(&cursor, &time, filter) { kept.add(line) }
            for line in kept.all { guard show(line) else { return } }
        } else {
            while let line = try read(&cursor, &time, filter) { guard show(line) else { return } }
        }
        // Half a line is somebody's last word, or is being written: then its end comes.
        if !follow, let rest = cursor.rest(), let line = LogCommand.line(rest, &time), filter.takes(line) { _ = show(line) }
        while follow {
            if interrupts.take() { throw Finished(exit: Exit.interrupted) }
            if let deadline, ContinuousClock.now >= deadline { return }
            if let line = try read(&cursor, &time, filter) { guard show(line) else { return } } else { await interrupts.pause(Self.interval) }
        }
    }

    /// The next line that is asked for.
    private func read(_ cursor: inout LogCursor, _ time: inout String, _ filter: LogFilter) throws -> LogLine? {
        do throws(FileError) {
            while let bytes = try cursor.next() {
                if let line = LogCommand.line(bytes, &time), filter.takes(line) { return line }
            }
            return nil
        } catch {
            throw Failure(Output.clean(error.message))
        }
    }

    /// A line that is none of ours is the last word of something that went wrong, at the time of the line before it.
    private static func line(_ bytes: [UInt8], _ time: inout String) -> LogLine? {
        guard !bytes.isEmpty else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        let line = LogLine(parsing: text) ?? LogLine(time: time, level: .error, message: text)
        time = line.time
        return line
    }

    private func show(_ line: LogLine) -> Bool {
        if global.json { return Output.write(line.written(as: .json) + "\n", to: 1) }
        if global.plain {
            let fields = line.fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            let cells = [line.time, line.level.rawValue, line.message, fields].map(LogLine.clean)
            return Output.write(cells.joined(separator: "\t") + "\n", to: 1)
        }
        return Output.write(line.written(as: .text) + "\n", to: 1)
    }
}

/// Which lines are asked for.
struct LogFilter {
    /// Seconds since 1970.
    var since: Int?
    private var sinceText: String?
    private var level: LogLine.Level = .trace
    private var upload: [UInt8]?

    init(since: String?, level: String?, upload: String?, now: Int64) throws {
        if let since {
            guard let seconds = LogFilter.time(since, now: Int(now)) else {
                throw Failure(
                    "--since \(Output.clean(since)) is no time. Use a duration such as 30m or 2h, 08:30, 2026-01-15 or 2026-01-15T08:30", exit: Exit.usage)
            }
            self.since = seconds
            sinceText = LogFilter.text(seconds)
        }
        if let level {
            guard let named = LogLine.Level(rawValue: level.lowercased()) else {
                throw Failure("--level takes debug, info, notice, warning or error, not \(Output.clean(level))", exit: Exit.usage)
            }
            self.level = named
        }
        self.upload = upload.map { Array($0.utf8) }
    }

    func takes(_ line: LogLine) -> Bool {
        if line.level < level { return false }
        // The same form throughout, so the order of the texts is that of the times.
        if let sinceText, Array(line.time.utf8).lexicographicallyPrecedes(Array(sinceText.utf8)) { return false }
        if let upload { return line.fields["upload"].map { Array($0.utf8) == upload } ?? false }
        return true
    }

    /// A duration before now, or a time of this machine's clock (with `Z` at its end: UTC).
    static func time(_ text: String, now: Int) -> Int? {
        if let duration = parseDuration(text) { return now - Int(duration.components.seconds) }
        let isUTC = text.hasSuffix("Z")
        let halves = (isUTC ? text.dropLast() : text[...]).split(whereSeparator: { $0 == "T" || $0 == " " })
        guard let first = halves.first, halves.count <= 2 else { return nil }
        var moment = tm()
        var start = time_t(now)
        if isUTC { gmtime_r(&start, &moment) } else { localtime_r(&start, &moment) }
        (moment.tm_hour, moment.tm_min, moment.tm_sec, moment.tm_isdst) = (0, 0, 0, -1)
        var clock = halves.last
        if first.contains("-") {
            let numbers = first.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) }
            guard numbers.count == 3, let year = numbers[0], let month = numbers[1], let day = numbers[2], (1970...9999).contains(year),
                (1...12).contains(month), (1...31).contains(day)
            else { return nil }
            (moment.tm_year, moment.tm_mon, moment.tm_mday) = (year - 1900, month - 1, day)
            if halves.count == 1 { clock = nil }
        } else if halves.count == 2 {
            return nil
        }
        if let clock {
            // Parts of a second are nobody's question.
            let whole = clock.split(separator: ".", omittingEmptySubsequences: false)[0]
            let numbers = whole.split(separator: ":", omittingEmptySubsequences: false).map { Int32($0) }
            guard (2...3).contains(numbers.count), let hour = numbers[0], let minute = numbers[1], (0...23).contains(hour),
                (0...59).contains(minute)
            else { return nil }
            guard let second = numbers.count == 3 ? numbers[2] : 0, (0...60).contains(second) else { return nil }
            (moment.tm_hour, moment.tm_min, moment.tm_sec) = (hour, minute, second)
        }
        let seconds = isUTC ? timegm(&moment) : mktime(&moment)
        return seconds == -1 ? nil : Int(seconds)
    }

    /// As the log writes it.
    private static func text(_ seconds: Int) -> String {
        var (time, moment) = (time_t(seconds), tm())
        gmtime_r(&time, &moment)
        let two: (Int32) -> String = { ($0 < 10 ? "0" : "") + "\($0)" }
        return
            "\(moment.tm_year + 1900)-\(two(moment.tm_mon + 1))-\(two(moment.tm_mday))T\(two(moment.tm_hour)):\(two(moment.tm_min)):\(two(moment.tm_sec)).000Z"
    }
}

/// The last lines, whatever came before them.
private struct LastLines {
    private var lines: [LogLine] = []
    private var oldest = 0
    private let count: Int

    init(count: Int) { self.count = count }

    mutating func add(_ line: LogLine) {
        guard lines.count == count else { return lines.append(line) }
        lines[oldest] = line
        oldest = (oldest + 1) % count
    }

    var all: [LogLine] { Array(lines[oldest...] + lines[..<oldest]) }
}
