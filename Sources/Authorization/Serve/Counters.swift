import OSSProtocol
import Platform

/// What `/metrics` tells, in Prometheus's text form. No client is named in it: whoever may read metrics need not know them.
final class Counters: Sendable {
    enum Name: String, CaseIterable, Sendable {
        case stsCalls = "davit_authd_sts_calls_total"
        case stsFailures = "davit_authd_sts_failures_total"
        case tokensServed = "davit_authd_tokens_served_total"
        case urlsSigned = "davit_authd_urls_signed_total"
        case rateLimited = "davit_authd_rate_limited_total"
        case auditFailures = "davit_authd_audit_failures_total"

        var help: String {
            switch self {
            case .stsCalls: "AssumeRole calls."
            case .stsFailures: "AssumeRole calls without a usable answer."
            case .tokensServed: "Answers with temporary credentials."
            case .urlsSigned: "URLs signed."
            case .rateLimited: "Requests refused with 429."
            case .auditFailures: "Decisions that could not be written to the audit log and were refused for it."
            }
        }
    }
    private struct State: Sendable {
        var values: [Name: Int] = [:]
        var answers: [String: Int] = [:]
    }
    private let state = Lock(State())

    func add(_ name: Name, _ count: Int = 1) { state.withLock { $0.values[name, default: 0] += count } }

    func value(_ name: Name) -> Int { state.withLock { $0.values[name] ?? 0 } }

    /// - Parameter route: one of ours, never a path from outside.
    func answered(_ route: String, status: Int) {
        state.withLock { $0.answers["route=\"\(route)\",status=\"\(status)\"", default: 0] += 1 }
    }

    func text(tokens: Int, clients: Int) -> String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        for name in Name.allCases {
            lines += [
                "# HELP \(name.rawValue) \(name.help)", "# TYPE \(name.rawValue) counter", "\(name.rawValue) \(state.values[name] ?? 0)",
            ]
        }
        lines += ["# HELP davit_authd_answers_total Answers by route and status.", "# TYPE davit_authd_answers_total counter"]
        lines += state.answers.sorted { $0.key < $1.key }.map { "davit_authd_answers_total{\($0.key)} \($0.value)" }
        for (name, help, value) in [
            ("davit_authd_tokens", "Tokens at hand.", tokens), ("davit_authd_clients", "Clients in the configuration.", clients),
        ] {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) gauge", "\(name) \(value)"]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
