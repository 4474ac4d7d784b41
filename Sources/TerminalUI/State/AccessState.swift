import Contracts

/// The Access screen's own view of the credentials.
struct AccessState: Sendable, Equatable {
    var cursor = 0
    var scroll = 0
    /// Every remote's lease, also of those that nothing uses now.
    var status: AuthStatus?
    /// The newest test of each scope, and when: milliseconds.
    var checks: [String: [AuthCheck]] = [:]
    var checkedAt: [String: Int64] = [:]
    /// A test or a renewal is under way.
    var isBusy = false
}

extension AppState {
    /// What the engine pushes and the remotes that nothing uses now: the default one first, then by name.
    var leases: [LeaseView] {
        let pushed = mirror.status?.leases ?? []
        var seen = Set(pushed.map(\.scope))
        var all = pushed
        for lease in access.status?.leases ?? [] where seen.insert(lease.scope).inserted { all.append(lease) }
        for remote in mirror.settings?.remotes ?? [] where seen.insert(remote.name).inserted {
            all.append(
                LeaseView(
                    scope: remote.name, kind: remote.kind, state: "empty", identity: nil, expires: nil, left: nil, renewsIn: nil,
                    lastError: nil, fetches: 0, uploads: 0))
        }
        // Always in one order, whatever is in use at the moment: the cursor must not come to stand on another one.
        let first = mirror.settings?.defaultRemote ?? mirror.status?.defaultRemote
        return all.sorted { ($0.scope == first ? 0 : 1, $0.scope) < ($1.scope == first ? 0 : 1, $1.scope) }
    }

    mutating func performInAccess(_ action: Action, key: Key) -> [Effect] {
        let leases = self.leases
        switch action {
        case .scrollDown, .scrollUp:
            access.scroll = max(0, access.scroll + (action == .scrollDown ? 1 : -1))
        case .reload: return [.fetchAuth]
        case .add: return addProfile()
        case .open: return editProfile()
        case .cancel: return removeProfile(openedBy: key)
        case .test, .retry:
            guard leases.indices.contains(access.cursor) else {
                say("no credentials to \(action == .retry ? "renew" : "test"): a adds a profile")
                return []
            }
            if let refusal = refusal() {
                say(refusal, .warn)
                return []
            }
            guard !access.isBusy else {
                say("the last question is still under way", .warn)
                return []
            }
            let scope = leases[access.cursor].scope
            access.isBusy = true
            say(action == .retry ? "\(scope): asking for new credentials" : "\(scope): testing endpoint, clock, credentials, rights", seconds: 60)
            return [action == .retry ? .renewAuth(scope: scope) : .testAuth(scope: scope)]
        default:
            guard let moved = Self.moved(access.cursor, action, page: max(1, layout.listHeight)) else {
                say("that does nothing here. ? help", .warn, seconds: 5)
                return []
            }
            access.cursor = max(0, min(moved, leases.count - 1))
            access.scroll = 0
        }
        return []
    }

    /// An empty list of checks is a renewal that went well.
    mutating func onAuthChecked(_ scope: String, _ checks: [AuthCheck]) {
        access.isBusy = false
        guard !checks.isEmpty else { return say("\(scope): new credentials are here", .ok) }
        access.checks[scope] = checks
        access.checkedAt[scope] = now
        if let bad = checks.first(where: { !$0.ok }) {
            say("\(scope): \(bad.check) FAILED: \(bad.text)", .error, seconds: 60)
        } else {
            say("\(scope): test ok, \(Formats.counted(checks.count, "check"))", .ok)
        }
    }
}
