import Glibc
import OSSProtocol
import Platform
import TransferCore

/// What was measured over the last seconds, for `slow because`.
struct WaitMeter {
    /// Over which the verdict is taken; the newest replaces it whole.
    private static let window = Duration.seconds(5)

    private var begun: (at: Timestamp, waits: TransportWaits, cpu: Double, machine: MachineTime?, answers: Int, refused: Int, bytes: Int64)?
    private var credentials = 0.0
    private var lastLook: Timestamp?
    private(set) var verdict: Bottleneck?

    /// About ten times a second.
    ///
    /// - Parameters:
    ///   - waits: of the transport, read only when the window is over.
    ///   - authorizing: requests that wait for credentials now.
    mutating func look(
        _ now: Timestamp, waits: () -> TransportWaits, authorizing: Int, tuning: Tuning, bytes: Int64, limit: Int64?, isWorking: Bool,
        isHeldForCredentials: Bool
    ) {
        guard isWorking || isHeldForCredentials else {
            (begun, verdict, credentials, lastLook) = (nil, nil, 0, nil)
            return
        }
        if let lastLook { credentials += Double(authorizing) * (now - lastLook).inSeconds }
        lastLook = now
        let since = begun.map { now - $0.at }
        // The first word comes early, the next ones with a full window.
        guard let begun, let since, since >= (verdict == nil ? .seconds(2) : Self.window) else {
            if begun == nil { begin(now, waits(), tuning, bytes) }
            return
        }
        var facts = Bottleneck.Facts(seconds: since.inSeconds)
        let total = waits()
        facts.reading = total.reading - begun.waits.reading
        facts.limited = total.limited - begun.waits.limited
        facts.sending = total.sending - begun.waits.sending
        facts.answering = total.answering - begun.waits.answering
        facts.credentials = credentials
        facts.cpu = WaitMeter.cpu - begun.cpu
        facts.cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        if let before = begun.machine, let after = MachineTime() { facts.machineBusy = after.busy(since: before) }
        facts.answers = tuning.allAnswers - begun.answers
        facts.refused = tuning.allRefused - begun.refused
        facts.rate = Double(bytes - begun.bytes) / since.inSeconds
        facts.limit = limit.map(Double.init)
        facts.isHeldForCredentials = isHeldForCredentials && !isWorking
        verdict = Bottleneck.of(facts)
        begin(now, total, tuning, bytes)
    }

    private mutating func begin(_ now: Timestamp, _ waits: TransportWaits, _ tuning: Tuning, _ bytes: Int64) {
        begun = (now, waits, WaitMeter.cpu, MachineTime(), tuning.allAnswers, tuning.allRefused, bytes)
        credentials = 0
    }

    /// CPU seconds of this process.
    private static var cpu: Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

/// The first line of `/proc/stat`: what all cores did since the machine started.
struct MachineTime {
    private var all: UInt64 = 0
    private var idle: UInt64 = 0

    init?() {
        let descriptor = open("/proc/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0, let line = buffer[..<count].split(separator: 10).first else { return nil }
        let fields = line.split(separator: 32).dropFirst().prefix(8).map { $0.reduce(UInt64(0)) { $0 &* 10 &+ UInt64($1 &- 48) } }
        guard fields.count >= 5 else { return nil }
        all = fields.reduce(0, &+)
        // Waiting for a disk is no work of the processor.
        idle = fields[3] &+ fields[4]
    }

    /// 0 to 1.
    func busy(since before: MachineTime) -> Double {
        let span = Double(all &- before.all)
        return span > 0 ? 1 - Double(idle &- before.idle) / span : 0
    }
}

extension EngineLoop {
    func measureWaits(_ now: Timestamp) {
        let isHeld = gates.values.contains { if case .scope = $0.place { true } else { false } }
        waitMeter.look(
            now, waits: transportWaits, authorizing: wire.authorizing, tuning: tuning, bytes: wire.bytes, limit: limitsNow.rate,
            isWorking: partSlotsUsed > 0 || wire.authorizing > 0, isHeldForCredentials: isHeld)
    }
}
