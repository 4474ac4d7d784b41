import Contracts

@testable import TerminalUI

/// MIX: the uploads of the design's mock-ups, in all eleven states, at 14:03:22 in +08:00 on 23 November 2026.
enum Mix {
    static let now: Int64 = 1_795_413_802_000
    static let nowText = "2026-11-23T06:03:22Z"
    static let zone = 8 * 3600
    static let mib: Int64 = 1 << 20
    static let gib: Int64 = 1 << 30
    static let tib: Int64 = 1 << 40

    static func time(_ secondsAgo: Int64) -> String {
        let at = LocalTime(seconds: now / 1000 - secondsAgo, zone: 0)
        return "\(at.date)T\(at.clock)Z"
    }

    static func upload(
        _ id: Int, _ state: UploadState, _ path: String, _ folder: String, size: Int64?, done: Double = 0, sending: Int64 = 0,
        rate: Double = 0,
        eta: Int? = nil, etaHigh: Int? = nil, parts: (Int, Int) = (0, 0), sendingParts: Int = 0, tries: Int = 0,
        priority: Priority = .normal,
        error: UploadView.LastError? = nil, retryIn: Int64? = nil, held: String? = nil, finished: String? = nil
    ) -> UploadView {
        let bucket = folder.dropFirst(6).prefix { $0 != "/" }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return UploadView(
            id: "u-\(id)", job: "j-31", state: state, heldReason: held, path: path, dest: folder + name, bucket: String(bucket),
            key: String(folder.dropFirst(7 + bucket.count)) + name, size: size, stored: Int64(done * Double(size ?? 0)), sending: sending,
            resent: tries > 0 ? 48 * mib : 0, rate: Int64(rate * Double(mib)), etaLow: eta, etaHigh: etaHigh ?? eta,
            parts: UploadView.Parts(size: 25 * mib, total: parts.1, stored: parts.0, sending: sendingParts), tries: tries,
            priority: priority,
            remote: "prod", uploadId: parts.1 > 0 ? "0004B9" : nil, lastError: error, nextTry: retryIn.map { time(-$0) },
            added: time(10_800), started: state == .queued ? nil : time(380), finished: finished,
            verify: UploadView.Verify(method: "crc64", state: "running"))
    }

    static let slowDown = UploadView.LastError(
        code: "SlowDown", http: 503, requestId: "65A3C0E1D2", at: time(12), part: 316, message: "Please reduce your request rate.")
    static let denied = UploadView.LastError(
        code: "AccessDenied", http: 403, requestId: "65A3BF77", at: time(41), part: nil, message: "role uploader may not put here")

    static let rows: [UploadView] = {
        let media = "oss://media-prod/2026/11/raw/"
        var rows = [
            upload(
                1, .uploading, "video/2026-11/raw/camera-03_interview-full_master_v7.mov", media, size: 12_800 * mib, done: 0.6212,
                sending: 53 * mib, rate: 31.2, eta: 155, etaHigh: 180, parts: (318, 512), sendingParts: 4, tries: 3, priority: .high,
                error: slowDown),
            upload(
                2, .uploading, "db/full-2026-11-23.tar.zst", "oss://backup-cold/db/full/", size: 218 * gib, done: 0.0812,
                sending: 160 * mib,
                rate: 88.4, eta: 2320, parts: (452, 5581), sendingParts: 4),
            upload(
                3, .uploading, "2024年度財務報告書及び監査経理部確認用.xlsx", "oss://finance/2024/", size: 50_541_363, done: 0.9345,
                sending: 2 * mib, rate: 12, eta: 0, parts: (9, 10), sendingParts: 1),
            upload(
                4, .uploading, "logs/edge/2026-11-23T13.json.gz", "oss://logs-prod/edge/2026/11/23/", size: 1_095_216_660, done: 0.4521,
                sending: 40 * mib, rate: 27.3, eta: 21, parts: (19, 42), sendingParts: 2),
            upload(
                5, .verifying, "models/ranker-0142.safetensors", "oss://ml-models/ranker/", size: 9_996_536_381, done: 1, eta: 4,
                parts: (382, 382)),
            upload(
                6, .retrying, "video/2026-11/raw/camera-01_b-roll.mov", media, size: 8_482_560_409, done: 0.38, parts: (122, 324), tries: 4,
                error: slowDown, retryIn: 4),
            upload(
                7, .retrying, "iso/appliance-5.2.1.iso", "oss://release/iso/", size: 3_339_337_072, done: 0.12, parts: (15, 128), tries: 2,
                error: slowDown, retryIn: 11),
            upload(
                8, .failed, "photos/2019/IMG_0001 (copy)\u{1B}[31m.jpg", "oss://photos/2019/", size: 4_299_161, parts: (0, 1), tries: 6,
                error: denied),
            upload(
                9, .failed, "export/نسخة_احتياطية_نهائية.zip", "oss://export/", size: 812 * mib, done: 0.52, parts: (17, 33), tries: 6,
                error: denied),
            upload(10, .held, "secure/hsm-dump.bin", "oss://secure-vault/hsm/", size: 64 * gib, parts: (0, 2622), held: "credentials"),
            upload(11, .scanning, "photos/  (1,204+ files)", "oss://photos/", size: 310 * gib),
            upload(12, .queued, "video/2026-11/raw/camera-02_master_v7.mov", media, size: 12_777_527_705, parts: (0, 488), priority: .high),
            upload(13, .queued, "video/2026-11/raw/camera-04_master_v7.mov", media, size: 12_992_276_070, parts: (0, 496)),
            upload(14, .queued, "video/2026-11/raw/audio-mix_v3.wav", media, size: 2_362_232_012, parts: (0, 91)),
            upload(
                15, .queued, "archive/tape-0007.tar", "oss://backup-cold/tape/", size: 1_605_286_720_000, parts: (0, 9569), priority: .low),
            upload(
                16, .paused, "archive/tape-0008.tar", "oss://backup-cold/tape/", size: 1_605_286_720_000, done: 0.2304,
                parts: (2201, 9569)),
            upload(17, .paused, "archive/tape-0009.tar", "oss://backup-cold/tape/", size: 1_605_286_720_000, parts: (0, 9569)),
        ]
        for hour in 14...16 {
            rows.append(
                upload(
                    rows.count + 1, .queued, "logs/edge/2026-11-23T\(hour).json.gz", "oss://logs-prod/edge/2026/11/23/",
                    size: 1_084_479_242,
                    parts: (0, 42)))
        }
        rows.append(upload(21, .queued, "한국어_파일이름이_아주_길어서_잘려야_하는_경우.mp4", "oss://media-prod/kr/", size: 640 * mib, parts: (0, 26)))
        rows.append(
            upload(22, .queued, "release/app-release-5.2.1-20261123.1403.x86_64.rpm", "oss://release/rpm/", size: 88 * mib, parts: (0, 4)))
        rows.append(
            upload(
                23, .cancelled, "tmp/old-dump.sql", "oss://backup-cold/tmp/", size: 2 * gib, done: 0.3, parts: (30, 82), finished: time(300)
            ))
        rows.append(upload(24, .skipped, "photos/2019/IMG_4409.jpg", "oss://photos/2019/", size: 4_204_789, finished: time(420)))
        rows.append(
            upload(
                25, .done, "photos/2019/IMG_4411.jpg", "oss://photos/2019/", size: 4_299_161, done: 1, parts: (1, 1), finished: time(412)))
        while rows.count < 40 {
            let number = rows.count + 1
            rows.append(
                upload(number, .queued, "photos/2019/IMG_\(4400 + number).jpg", "oss://photos/2019/", size: 4_100_000, parts: (0, 1)))
        }
        return rows
    }()

    static let status: StatusView = {
        let wave: [Int64] = [200, 200, 200, 170, 170, 170, 200, 200, 170, 170, 145, 170, 200, 200, 200, 170, 170]
        return StatusView(
            revision: 7, now: nowText, engine: StatusView.Engine(version: "0.1.0", pid: 4711, uptime: 273_600, frontEnds: 2),
            counts: [
                "scanning": 1, "queued": 12_402, "uploading": 4, "verifying": 1, "retrying": 2, "held": 1, "paused": 3, "failed": 4,
                "done": 88_120, "cancelled": 1, "skipped": 1,
            ],
            totals: StatusView.Totals(
                bytes: 5 * tib, stored: Int64(3.1216 * Double(tib)), resent: 13_743_895_347, uploads: 100_537, unknown: 1),
            rate: Int64(158.9 * Double(mib)), rateHistory: (0..<300).map { wave[($0 + 6) % wave.count] * mib },
            limits: LimitsView(rate: 200 * mib, uploads: 5, parts: 16), slotsUsed: 5, partsSending: 11, etaLow: 12_000, etaHigh: 13_800,
            leases: [
                LeaseView(
                    scope: "prod", kind: "broker", state: "held", identity: "LTAI****kQ2d", expires: time(-2472), left: 2472,
                    renewsIn: 2172,
                    lastError: nil, fetches: 12, uploads: 5),
                LeaseView(
                    scope: "finance", kind: "broker", state: "refused", identity: nil, expires: nil, left: nil, renewsIn: nil,
                    lastError: "401 from the authorization server", fetches: 1, uploads: 0),
            ],
            clockOffset: 0.2, outage: nil, queuePaused: false, defaultRemote: "prod")
    }()

    static let settings = SettingsView(
        theme: "auto", defaultRemote: "prod",
        remotes: [
            RemoteView(name: "prod", bucket: "media-prod", region: "cn-hangzhou", endpoint: nil, prefix: "2026/", kind: "broker"),
            RemoteView(name: "finance", bucket: "finance", region: "cn-hangzhou", endpoint: nil, prefix: "", kind: "broker"),
        ])

    static func options(_ symbols: SymbolSet = .unicode) -> ViewOptions {
        ViewOptions(symbols: symbols, homeFolder: "/home/ops", startFolder: "/home/ops/media/2026-11/raw", userName: "ops", zone: zone)
    }

    /// A front end that has heard everything.
    static func state(size: Size = Size(columns: 80, rows: 24), symbols: SymbolSet = .unicode, rows: [UploadView]? = nil, total: Int? = nil)
        -> AppState
    {
        var state = AppState(options: options(symbols), size: size, now: now)
        _ = reduce(&state, .settings(settings))
        var desk = Desk(rows: rows ?? Self.rows, total: total)
        desk.perform(reduce(&state, .status(status)), on: &state)
        return state
    }
}

/// Stands in for the engine and the file system: answers what `reduce` asks.
struct Desk {
    var rows: [UploadView]
    /// Rows of the whole list when it is longer than `rows`.
    var total: Int?
    /// What was asked beside windows and details.
    var others: [Effect] = []
    /// What was to be counted for the add sheet, and stopped.
    var plans: [Effect] = []

    mutating func perform(_ effects: [Effect], on state: inout AppState) {
        var queue = effects
        while !queue.isEmpty {
            let effect = queue.removeFirst()
            switch effect {
            case .fetchWindow(let offset, let count, _, _, let version):
                let from = min(offset, rows.count)
                let answer = WindowAnswer(
                    version: version, offset: from, total: total ?? rows.count, rows: Array(rows[from..<min(rows.count, from + count)]))
                queue += reduce(&state, .window(answer))
            case .fetchHistory(_, _, let after, let count, let version):
                // The newest first, as the engine gives them.
                let ended = rows.filter(\.state.isEnded).sorted { ($0.finished ?? "") > ($1.finished ?? "") }
                let from = after.flatMap { Int($0) } ?? 0
                let page = ended[min(from, ended.count)..<min(ended.count, from + count)]
                let items = page.map {
                    HistoryItem(
                        upload: $0, versionId: nil, requestId: nil,
                        reason: $0.state == .cancelled ? "cancelled by ops2, parts are kept for 24h" : nil, removed: false)
                }
                let next = from + count < ended.count ? String(from + count) : nil
                queue += reduce(&state, .historyPage(version: version, HistoryPage(items: items, total: ended.count, next: next)))
            case .fetchDetail(let id):
                let detail = rows.first { $0.id == id }.map { Details.detail($0) }
                queue += reduce(&state, .detail(id: id, detail))
            case .plan, .stopPlan: plans.append(effect)
            case let other: others.append(other)
            }
        }
    }

    /// A key, half a second after whatever came before.
    mutating func press(_ key: Key, _ state: inout AppState, after: Int64 = 500) {
        perform(reduce(&state, .key(key, at: state.now + after)), on: &state)
    }

    mutating func press(_ text: String, _ state: inout AppState, after: Int64 = 500) {
        for character in text { press(.character(character), &state, after: after) }
    }
}

enum Details {
    static func detail(_ upload: UploadView) -> UploadDetail {
        var map = ""
        for number in 1...max(1, upload.parts.total) {
            if number == 316, upload.parts.sending > 0 {
                map += "2"
            } else if number <= upload.parts.stored - 2 {
                map += "#"
            } else if number <= upload.parts.stored + 1 {
                map += "#"
            } else if number <= upload.parts.stored + 1 + max(0, upload.parts.sending - 1) {
                map += "s"
            } else {
                map += "."
            }
        }
        if upload.parts.total == 0 { map = "" }
        let mib = Mix.mib
        return UploadDetail(
            upload: upload, map: String(map.prefix(10_000)),
            active: [
                PartView(
                    number: 316, state: .sending, sent: 19_084_083, size: 25 * mib, rate: 6_396_314, tries: 2, since: 12,
                    lastAnswer: "503 SlowDown"),
                PartView(
                    number: 319, state: .sending, sent: 22 * mib, size: 25 * mib, rate: 9 * mib, tries: 1, since: 2.4, lastAnswer: nil),
                PartView(
                    number: 320, state: .sending, sent: 12_058_624, size: 25 * mib, rate: 8_808_038, tries: 1, since: 1.4, lastAnswer: nil),
                PartView(
                    number: 321, state: .sending, sent: 1_258_291, size: 25 * mib, rate: 8_074_035, tries: 1, since: 0.2, lastAnswer: nil),
            ],
            events: [
                UploadEventView(at: Mix.time(10_879), kind: "queued", text: "by ops2"),
                UploadEventView(at: Mix.time(381), kind: "start", text: "part size 25 MiB, 4 parts at a time"),
                UploadEventView(at: Mix.time(380), kind: "resume", text: "204 parts found on the server, sizes and ETags match"),
                UploadEventView(at: Mix.time(24), kind: "retry", text: "part 301: connection reset after 11.2 MiB, sent again"),
                UploadEventView(
                    at: Mix.time(12), kind: "retry", text: "part 316: 503 SlowDown (request 65A3C0E1D2), waited 2.1 s, sent again"),
            ])
    }
}

/// The engine's log of the design's mock-up.
enum Logs {
    static func line(_ secondsAgo: Int64, _ level: LogLine.Level, _ message: String, _ fields: [String: String] = [:]) -> LogLine {
        LogLine(time: String(Mix.time(secondsAgo).dropLast()) + ".120Z", level: level, message: message, fields: fields)
    }

    static let lines: [LogLine] = [
        line(430, .debug, "slot 4 free, next by priority", ["upload": "u-33C9B"]),
        line(414, .info, "complete: single put, 4.07 MiB", ["upload": "u-33C9B"]),
        line(413, .info, "complete: single put, 3.98 MiB", ["upload": "u-33C9C"]),
        line(381, .info, "started on slot 2", ["upload": "u-1"]),
        line(380, .info, "resume: 204 parts match the journal", ["upload": "u-1"]),
        line(263, .notice, "renewed, valid 5h06m", ["remote": "backup"]),
        line(190, .error, "token expired, renewal needs sign-in", ["remote": "finance", "held": "1"]),
        line(140, .notice, "front end 2 attached"),
        line(41, .error, "403 AccessDenied", ["upload": "u-8", "dest": "oss://photos/2019/IMG_0001 (copy)\u{1B}[31m.jpg", "request_id": "65A3BF77"]),
        line(24, .warning, "part 301: connection reset after 11.2 MiB", ["upload": "u-1"]),
        line(12, .warning, "part 316: 503 SlowDown", ["upload": "u-1", "request_id": "65A3C0E1D2"]),
        line(1, .info, "part 318 stored, 25.0 MiB in 2.9 s", ["upload": "u-1"]),
    ]
}
