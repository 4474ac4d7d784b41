import OSSProtocol

/// Where callers ask for the credentials of one scope: who gets an answer at once, who waits, who is told when the one flight has landed,
/// and what becomes of a caller who goes away.
///
/// Nobody waits without a flight, and every flight's end is an answer for each who waits or another flight. A caller that goes away takes
/// nobody with it: its flight goes on, and what it brings is kept.
public struct LeaseDesk: Sendable {
    /// Callers of the same need: one question to the machine serves all of them. In the order of asking.
    private struct Line: Sendable {
        var minimumLife: Duration
        var callers: [LeaseCaller]
    }

    private var machine: LeaseMachine
    private var lines: [Line] = []
    /// People who want new credentials, not those that are held.
    private var renewals: [LeaseCaller] = []

    /// - Parameters:
    ///   - seed: of the jitter.
    ///   - refused: the id of credentials that OSS refused in an earlier run.
    public init(seed: UInt64, refused: String? = nil) { machine = LeaseMachine(seed: seed, refused: refused) }

    // MARK: - Callers

    /// - Parameter minimumLife: how long the request may need until OSS has judged it; 30 s are taken in any case, half of the lease's
    ///   own life at most.
    /// - Returns: `answer`: `nil` for a caller who waits for its `.answer`.
    public mutating func ask(
        _ caller: LeaseCaller, minimumLife: Duration, at now: Timestamp
    ) -> (answer: LeaseAnswer?, actions: [LeaseAction]) {
        let (reply, flight) = machine.ask(minimumLife: minimumLife, at: now)
        if case .wait = reply {
            if let index = lines.firstIndex(where: { $0.minimumLife == minimumLife }) {
                lines[index].callers.append(caller)
            } else {
                lines.append(Line(minimumLife: minimumLife, callers: [caller]))
            }
        }
        return (LeaseAnswer(reply), flight.map { [.fetch(refusing: $0.refusing)] } ?? [])
    }

    /// For a person: asks the source now, whatever is held. A flight that is under way is as good.
    public mutating func renew(_ caller: LeaseCaller, at now: Timestamp) -> [LeaseAction] {
        renewals.append(caller)
        return machine.renew(at: now).map { [.fetch(refusing: $0.refusing)] } ?? []
    }

    /// The caller went away; nothing happens to those who wait no longer.
    public mutating func cancelled(_ caller: LeaseCaller) -> [LeaseAction] {
        for index in lines.indices {
            guard let place = LeaseDesk.place(of: caller, in: lines[index].callers) else { continue }
            lines[index].callers.remove(at: place)
            if lines[index].callers.isEmpty { lines.remove(at: index) }
            return [.answer([caller], .cancelled)]
        }
        guard let place = renewals.firstIndex(of: caller) else { return [] }
        renewals.remove(at: place)
        return [.answer([caller], .cancelled)]
    }

    /// Numbers rise, so a line is sorted.
    private static func place(of caller: LeaseCaller, in callers: [LeaseCaller]) -> Int? {
        var (low, high) = (0, callers.count)
        while low < high {
            let middle = (low + high) / 2
            if callers[middle] < caller { low = middle + 1 } else { high = middle }
        }
        return low < callers.count && callers[low] == caller ? low : nil
    }

    // MARK: - News

    public mutating func on(_ event: LeaseEvent, at now: Timestamp) -> [LeaseAction] {
        var actions: [LeaseAction] = []
        var kept: UInt64?
        for action in machine.on(event, at: now) {
            switch action {
            case .fetch(let flight): actions.append(.fetch(refusing: flight.refusing))
            case .keep(let generation):
                kept = generation
                actions.append(.keep(generation: generation))
            case .forget(let generation, let isRefused): actions.append(.forget(generation: generation, isRefused: isRefused))
            case .wake:
                answerRenewals(kept, at: now, &actions)
                wake(at: now, &actions)
            }
        }
        return actions
    }

    private mutating func answerRenewals(_ kept: UInt64?, at now: Timestamp, _ actions: inout [LeaseAction]) {
        guard !renewals.isEmpty else { return }
        let answer: LeaseAnswer =
            if let kept {
                .use(generation: kept)
            } else {
                switch machine.state(at: now) {
                case .refused(_, let reason): .refused(reason: reason)
                case .backingOff(_, let notBefore, let reason): .unavailable(until: notBefore, reason: reason)
                case .empty, .fetching, .held, .refreshing: .unavailable(until: now, reason: "no credentials came")
                }
            }
        actions.append(.answer(renewals, answer))
        renewals = []
    }

    /// Everyone asks again; who is told to wait once more waits for a flight that has just begun.
    private mutating func wake(at now: Timestamp, _ actions: inout [LeaseAction]) {
        let all = lines
        lines = []
        for line in all {
            let (reply, flight) = machine.ask(minimumLife: line.minimumLife, at: now)
            if let flight { actions.append(.fetch(refusing: flight.refusing)) }
            if let answer = LeaseAnswer(reply) { actions.append(.answer(line.callers, answer)) } else { lines.append(line) }
        }
    }

    // MARK: - Views

    public var waiting: Int { lines.reduce(renewals.count) { $0 + $1.callers.count } }
    /// Of the lease held now; 0 before the first.
    public var generation: UInt64 { machine.generation }
    /// The end of that lease, as far as it is known now; `nil`: no lease or no end.
    public var expires: Timestamp? { machine.expires }
    /// The first who asks from then on makes the source be asked: the refresh ahead, or the end of a pause.
    public var nextFetch: Timestamp? { machine.nextFetch }
    public func state(at now: Timestamp) -> LeaseState { machine.state(at: now) }
}

extension LeaseAnswer {
    fileprivate init?(_ reply: LeaseMachine.Reply) {
        switch reply {
        case .use(let generation): self = .use(generation: generation)
        case .wait: return nil
        case .refused(let reason): self = .refused(reason: reason)
        case .unavailable(let until, let reason): self = .unavailable(until: until, reason: reason)
        }
    }
}
