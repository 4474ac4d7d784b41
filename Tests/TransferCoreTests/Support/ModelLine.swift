import OSSProtocol
import TransferCore

/// A network as numbers: what so many connections get of it.
struct ModelLine {
    /// Bytes a second of one connection and of all.
    var perConnection: Double
    var link: Double
    /// Seconds from the last byte to the answer, and of a new connection until it is fast.
    var latency: Double
    var body: Double
    /// Requests a second that the machine or the service can do at all.
    var mostRequests = 1e9
    /// Requests in flight beyond which the service says 503.
    var mostInFlight = Int.max
    /// Share of answers that are refused whatever the number.
    var randomRefusals = 0.0
    /// What each connection more than `crowd` costs of the whole.
    var crowd = Int.max
    var crowdCost = 0.0

    /// Requests a second that succeed with so many in flight.
    func answers(_ inFlight: Double) -> Double {
        let one = body / perConnection + latency
        var rate = min(inFlight / one, link / body, mostRequests)
        if inFlight > Double(crowd) { rate *= max(1 - (inFlight - Double(crowd)) * crowdCost, 0.2) }
        if inFlight > Double(mostInFlight) { rate = min(Double(mostInFlight) / one, rate) }
        return rate * (1 - randomRefusals)
    }

    func refusedShare(_ inFlight: Double) -> Double {
        let over = inFlight > Double(mostInFlight) ? (inFlight - Double(mostInFlight)) / inFlight : 0
        return max(over, randomRefusals)
    }

    /// What the best fixed number gives.
    func best(upTo most: Int) -> Double { (1...most).map { answers(Double($0)) }.max() ?? 0 }
}

/// The controller on a line that changes, in steps of a tenth of a second.
struct ModelRun {
    var controller: ConcurrencyController
    var random: SeededRandom
    var now = Timestamp(seconds: 1_000)
    /// In flight as it really is: new connections take a while, parts in flight are not taken back.
    var real = 0.0
    var owedAnswers = 0.0
    var owedRefusals = 0.0
    var reasons: [String] = []
    var most = 0

    init(seed: UInt64, _ controller: ConcurrencyController = ConcurrencyController(memory: 128 << 20, perPart: 512 << 10)) {
        (self.controller, random) = (controller, SeededRandom(seed))
    }

    /// - Returns: requests a second that succeeded over the last `measured` seconds.
    mutating func run(_ line: ModelLine, seconds: Double, measured: Double) -> Double {
        var sum = 0.0
        let steps = Int(seconds * 10)
        for step in 0..<steps {
            let wanted = Double(controller.parts)
            let ramp = wanted > real ? max(line.latency * 5, 0.1) : max(line.body / line.perConnection / 2, 0.1)
            real += (wanted - real) * min(0.1 / ramp, 1)
            let noise = 1 + (random.unit() - 0.5) * 0.3
            let rate = line.answers(real) * noise
            let share = line.refusedShare(real)
            owedAnswers += rate * 0.1
            owedRefusals += (share > 0 && share < 1) ? rate * share / (1 - share) * 0.1 : 0
            let (answers, refused) = (owedAnswers.rounded(.down), owedRefusals.rounded(.down))
            (owedAnswers, owedRefusals) = (owedAnswers - answers, owedRefusals - refused)
            if step >= steps - Int(measured * 10) { sum += rate * 0.1 }
            now = now + .milliseconds(100)
            let before = controller.reason
            controller.observe(
                ConcurrencyController.Sample(
                    bytes: Int64(rate * line.body * 0.1), answers: Int(answers), refused: Int(refused), inFlight: Int(real.rounded()),
                    isFull: true), at: now)
            most = max(most, controller.parts)
            if controller.reason != before { reasons.append("\(now.milliseconds - 1_000_000) ms: \(controller.parts): \(controller.reason)") }
        }
        return sum / measured
    }
}
