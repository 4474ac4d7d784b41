import OSSProtocol
import Platform

/// What STS and the metadata service have in common: waiting, faults and the record of requests.
struct CallServer: Sendable {
    let latency: Duration
    let clock: SandboxClock
    let faults: FaultScript
    let log: RequestLog

    /// - Parameters:
    ///   - told: the answer where a fault rule gives one.
    ///   - perform: the answer where none does.
    func serve(
        _ operation: String, _ request: IncomingRequest, requestID: String, bodyBytes: Int64, told: (OSSFailure) -> Answer,
        perform: (inout RequestLog.Entry) -> Answer
    ) async -> Delivery {
        var entry = RequestLog.Entry(time: clock.now, method: request.method, requestID: requestID)
        entry.operation = operation.isEmpty ? "Other" : String(operation.prefix(64))
        entry.bodyBytes = bodyBytes
        let fault = faults.meet(.init(operation: entry.operation, bucket: "", key: ObjectKey(""), part: 0))
        entry.fault = fault?.id
        let pause = latency + (fault?.rule.delay ?? .zero)
        if pause > .zero { try? await Task.sleep(for: pause) }

        var answer: Answer?
        switch fault?.rule.effect {
        case .reset, .blackHole: break
        case .status: answer = fault.map { told($0.failure) }
        default: answer = perform(&entry)
        }
        entry.status = answer?.status ?? 0
        entry.code = answer?.code
        entry.milliseconds = clock.now.milliseconds - entry.time.milliseconds
        log.add(entry)
        guard let answer else { return fault?.rule.effect == .reset ? .reset : .silence }
        switch fault?.rule.effect {
        case .lostAnswer: return .closed
        case .truncate: return .truncated(answer)
        case .corrupt: return .whole(answer.garbled)
        default: return .whole(answer)
        }
    }
}

extension Answer {
    /// The first byte is wrong, so that it is neither JSON nor XML any more.
    fileprivate var garbled: Answer {
        guard case .bytes(var bytes) = body, !bytes.isEmpty else { return self }
        bytes[0] ^= 1
        var copy = self
        copy.body = .bytes(bytes)
        return copy
    }
}
