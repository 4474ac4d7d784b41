import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// The rate of all bodies together that stands now, and who set it.
struct StandingRate: Equatable {
    enum Source: String {
        case configuration, schedule, person
    }

    /// Bytes a second; `nil` is no limit, 0 pauses.
    var rate: Int64?
    var by = Source.configuration
    /// When the schedule changes it.
    var until: Timestamp?
    /// When it was found to stand, by the clock on the wall.
    var since = Timestamp(milliseconds: 0)
    /// What a person set, and when.
    var person: PersonsRate?

    /// The schedule, or nobody, pauses everything until then.
    var isPausedBySchedule: Bool { rate == 0 && by == .schedule }
}

struct PersonsRate: Equatable {
    var rate: Int64?
    var since: Timestamp
}

/// The rate by the clock on the wall, by a person's word, by the configuration.
extension EngineLoop {
    /// A person's word counts until the schedule's next edge; without a schedule until it is taken back.
    func standRate(_ wall: Timestamp) {
        let schedule = settings.rateSchedule
        if let person = rateNow.person {
            let edge = schedule.isEmpty ? nil : schedule.standing(at: person.since, otherwise: settings.rate).until
            if edge.map({ wall < $0 }) ?? true {
                rateNow = StandingRate(rate: person.rate, by: .person, until: edge, since: wall, person: person)
                limitsNow.rate = person.rate
                return
            }
        }
        let standing = schedule.standing(at: wall, otherwise: settings.rate)
        rateNow = StandingRate(
            rate: standing.rate, by: schedule.isEmpty ? .configuration : .schedule, until: standing.until, since: wall)
        limitsNow.rate = standing.rate
    }

    /// The clock on the wall may have reached an edge, or was set.
    func followSchedule() {
        guard !settings.rateSchedule.isEmpty else { return }
        let wall = clocks.wall()
        guard rateNow.until.map({ wall >= $0 }) ?? false || wall < rateNow.since else { return }
        let before = rateNow
        standRate(wall)
        if before.person != nil, rateNow.person == nil {
            write(urgent: false) { db in try QueueStore.setPersonsRate(db, nil) } then: { }
        }
        guard rateNow.rate != before.rate || rateNow.by != before.by else { return }
        setRateLimit(limitsNow.rate)
        etaChanged(from: before.rate)
        log.notice(
            "the rate limit changed by the schedule",
            metadata: ["rate": "\(limitsNow.rate.map(String.init) ?? "none")", "until": "\(rateNow.until?.iso8601 ?? "further notice")"])
        changed()
        schedule()
    }

    // MARK: - Limits of single orders

    /// What the bodies of that upload have to keep to, and how urgent they are.
    func pace(of run: UploadRun) -> BodyPace {
        var pace = BodyPace(priority: run.row.priority.code, limits: [ownLimit(of: run.job)])
        if let remote = run.job.target.remote, let limit = remoteLimits[remote] { pace.limits.append(limit) }
        if let limit = limit(of: run) { pace.limits.append(limit) }
        return pace
    }

    /// Of remotes with a rate of their own.
    static func remoteLimits(_ remotes: [String: RemoteLimits]) -> [String: RateLimit] {
        remotes.compactMapValues { limits in limits.rate.map { RateLimit($0, now: SystemClock.monotonicNanoseconds()) } }
    }

    /// The configuration was read anew. A rate that changes counts at once, also for bodies under way; one that is new, for the next ones.
    public func setRemotes(_ new: [String: RemoteLimits]) {
        guard new != remotes else { return }
        remotes = new
        let now = SystemClock.monotonicNanoseconds()
        for (name, limit) in remoteLimits { limit.set(new[name]?.rate, now: now) }
        remoteLimits.merge(Self.remoteLimits(new)) { known, _ in known }
        changed()
        schedule()
    }

    /// Of every order, also of one without: it may get one while its bodies are under way.
    func ownLimit(of job: JobFacts) -> RateLimit {
        if let known = ownLimits[job.id] { return known }
        let limit = RateLimit(job.options.limit, now: SystemClock.monotonicNanoseconds())
        ownLimits[job.id] = limit
        return limit
    }

    /// What its order or its remote may use is in use: more of it would only take slots from others.
    func hasEnoughInFlight(_ job: Int64) -> Bool {
        if !remotes.isEmpty, let remote = jobs[job]?.target.remote, let limits = remotes[remote] {
            if limits.rate == 0 { return true }
            let ofRemote = { [jobs] (id: Int64) in jobs[id]?.target.remote == remote }
            let most = min(limits.parts ?? .max, limits.rate == nil ? .max : max(limitsNow.parts / 2, 1))
            if most < .max, slotUse.slots(where: ofRemote) >= most { return true }
        }
        guard let rate = ownLimits[job]?.rate ?? jobs[job]?.options.limit else { return false }
        guard rate > 0 else { return true }
        let slots = slotUse.slots(of: job)
        return slots > 0 && (slotUse.bytes(of: job) >= Self.inFlight(at: rate) || slots * 2 >= limitsNow.parts)
    }
}

extension QueueStore {
    static func setPersonsRate(_ db: Database, _ rate: PersonsRate?) throws {
        try set(db, "limit.rate", rate.map { $0.rate.map(String.init) ?? "none" })
        try set(db, "limit.rateSince", rate.map { String($0.since.milliseconds) })
    }

    static func personsRate(_ db: Database) throws -> PersonsRate? {
        guard let text = try setting(db, "limit.rate") else { return nil }
        let since = try setting(db, "limit.rateSince").flatMap { Int64($0) } ?? 0
        return PersonsRate(rate: Int64(text), since: Timestamp(milliseconds: since))
    }
}
