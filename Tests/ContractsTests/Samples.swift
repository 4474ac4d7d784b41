@testable import Contracts

#if canImport(Glibc)
    import Glibc
#endif

/// `Samples/v1`: one file a message. A file there is never edited: what was once sent stays readable.
enum SampleFiles {
    private static var folder: String {
        let path = #filePath.utf8
        return (path.lastIndex(of: UInt8(ascii: "/")).map { String(#filePath[..<$0]) } ?? ".") + "/Samples/v1"
    }

    static func read(_ name: String) -> [UInt8]? {
        guard let file = fopen("\(folder)/\(name).json", "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return bytes
    }

    /// Only for a message that has no sample yet.
    static func write(_ name: String, _ bytes: [UInt8]) {
        guard let file = fopen("\(folder)/\(name).json", "wx") else { return }
        fputs(String(decoding: bytes, as: UTF8.self) + "\n", file)
        fclose(file)
    }

    static func names() -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".json") { names.append(String(name.dropLast(5))) }
        }
        return names
    }
}

enum Samples {
    static let lastError = UploadView.LastError(
        code: "SlowDown", http: 503, requestId: "65A3C0E1D2", at: "2026-11-23T06:03:10.000Z", part: 316,
        message: "Please reduce your request rate.")
    static let upload = UploadView(
        id: "u-7Q4K2", job: "j-31", state: .uploading, path: "video/camera-03.mov", dest: "oss://media-prod/2026/11/raw/camera-03.mov",
        bucket: "media-prod", key: "2026/11/raw/camera-03.mov", size: 13_421_772_800, stored: 8_336_179_200, sending: 55_469_670,
        resent: 50_331_648, rate: 32_715_571, etaLow: 155, etaHigh: 180,
        parts: UploadView.Parts(size: 26_214_400, total: 512, stored: 318, sending: 4), tries: 2, priority: .high, remote: "prod",
        uploadId: "0004B9", lastError: lastError, added: "2026-11-23T03:02:03.000Z", started: "2026-11-23T05:57:02.000Z",
        verify: UploadView.Verify(method: "crc64", state: "running"))
    /// A directory that is being scanned: everything that can be unknown is.
    static let bareUpload = UploadView(
        id: "u-1", job: "j-1", state: .scanning, path: "photos", dest: "oss://b/photos/", bucket: "b", key: "photos/", size: nil,
        parts: UploadView.Parts(size: 0, total: 0, stored: 0, sending: 0), added: "2026-11-23T03:02:03.000Z",
        verify: UploadView.Verify(method: "crc64", state: "pending"))
    static let lease = LeaseView(
        scope: "prod", kind: "broker", state: "held", identity: "STS.****kQ2d", expires: "2026-11-23T06:44:34Z", left: 2472.5,
        renewsIn: 2172,
        lastError: nil, fetches: 12, uploads: 5)
    static let status = StatusView(
        revision: 7, now: "2026-11-23T06:03:22.000Z", engine: StatusView.Engine(version: "0.1.0", pid: 4711, uptime: 273_600, frontEnds: 2),
        counts: Dictionary(uniqueKeysWithValues: UploadState.allCases.enumerated().map { ($0.element.rawValue, $0.offset) }),
        totals: StatusView.Totals(
            bytes: 5_497_558_138_880, stored: 3_430_476_278_661, resent: 13_743_895_347, uploads: 100_537, unknown: 1),
        rate: 166_618_726, rateHistory: [0, 166_618_726, 209_715_200], limits: LimitsView(rate: 209_715_200, uploads: 5, parts: 16),
        slotsUsed: 5, partsSending: 11, etaLow: 12_000, etaHigh: 13_800, leases: [lease], clockOffset: 0.2,
        outage: StatusView.Outage(
            endpoint: "oss-cn-hangzhou.aliyuncs.com", since: "2026-11-23T06:01:12.000Z", nextTry: "2026-11-23T06:03:36.000Z",
            reason: "no route"),
        queuePaused: false, defaultRemote: "prod")
    static let bareStatus = StatusView(
        revision: 0, now: "2026-11-23T06:03:22.000Z", engine: StatusView.Engine(version: "0.1.0", pid: 1, uptime: 0, frontEnds: 0),
        counts: [:],
        totals: StatusView.Totals(bytes: 0, stored: 0, resent: 0, uploads: 0, unknown: 0), rate: 0, rateHistory: [],
        limits: LimitsView(rate: nil, uploads: 5, parts: 16), slotsUsed: 0, partsSending: 0, etaLow: nil, etaHigh: nil, leases: [],
        clockOffset: nil, outage: nil, queuePaused: false, defaultRemote: nil)
    static let detail = UploadDetail(
        upload: upload, map: "##2s!.",
        active: [
            PartView(
                number: 3, state: .again, sent: 19_084_083, size: 26_214_400, rate: 6_396_314, tries: 2, since: 12,
                lastAnswer: "503 SlowDown"),
            PartView(number: 4, state: .sending, sent: 1, size: 26_214_400, rate: 0, tries: 1, since: nil, lastAnswer: nil),
        ], events: [UploadEventView(at: "2026-11-23T05:57:02.000Z", kind: "resume", text: "204 parts found on the server")])

    private static var credentials: OrderCredentials {
        OrderCredentials(
            accessKeyId: "STS.sample", accessKeySecret: "sample-secret", securityToken: "sample-token", region: "cn-hangzhou",
            endpoint: "http://127.0.0.1:9000", addressing: "path")
    }

    private static var options: OrderOptions {
        var options = OrderOptions()
        options.filters = ["+*.mov", "-*"]
        options.minSize = 1
        options.maxAge = 3600
        options.existing = "skip"
        options.partSize = 8_388_608
        options.meta = ["camera": "7"]
        options.tags = ["team": "video"]
        options.priority = .low
        options.paused = true
        options.links = "follow"
        return options
    }

    static let all: [Sample] = orders + views + authorization + history

    private static let orders: [Sample] = [
        Sample("job-order") {
            JobOrder(
                submissionId: "s-1", sources: ["/srv/media/", "/srv/a b.mov"], dest: "prod:2026/", options: options,
                credentials: credentials)
        },
        Sample("job-order-bare") { JobOrder(submissionId: "s-2", sources: ["/srv/a"], dest: nil) },
        Sample("job") {
            JobView(
                job: "j-31", state: "ready", uploads: ["u-7Q4K2"], total: 2, bytes: 13_421_772_801,
                refused: [JobView.Refused(path: "/srv/bad", reason: "no such file")], counts: ["uploading": 1, "queued": 1], stored: 1)
        },
        Sample("action") { ActionRequest(action: "cancel", query: "state:failed", dryRun: true, by: "ops2") },
        Sample("action-ids") { ActionRequest(action: "priority", ids: ["u-1", "u-2"], value: "high") },
        Sample("action-result") {
            ActionResult(
                action: "cancel", matched: 2, changed: 1,
                items: [
                    ActionResult.Item(id: "u-1", state: .cancelled, changed: true, reason: nil),
                    ActionResult.Item(id: "u-2", state: .done, changed: false, reason: "had already finished"),
                ])
        },
        Sample("limits") { LimitsView(rate: 52_428_800, uploads: 5, parts: 16) },
        Sample("limits-none") { LimitsView(rate: nil, uploads: 5, parts: 16) },
        Sample("limits-change") { LimitsChange(rate: "50MiB", uploads: 3) },
        Sample("list") { ListRequest(dest: "oss://b/p/", recursive: true, continuation: "t", limit: 100) },
        Sample("list-result") {
            ListResult(
                bucket: "b", prefix: "p/",
                items: [
                    ListResult.Entry(key: "p/d/", isPrefix: true, size: nil, modified: nil, etag: nil, storageClass: nil),
                    ListResult.Entry(
                        key: "p/a", isPrefix: false, size: 7, modified: "2026-11-23T06:03:22Z", etag: "\"E\"", storageClass: "Standard"),
                ], truncated: true, continuation: "next")
        },
        Sample("presign") {
            PresignRequest(dest: "oss://b/k", method: "put", expires: 3600, meta: ["a": "b"], contentType: "text/plain", credentials: nil)
        },
        Sample("presign-result") {
            PresignResult(
                url: "https://b.example/k?x-oss-expires=3600", method: "put", headers: ["content-type": "text/plain"],
                expiresAt: "2026-11-23T07:03:22Z")
        },
        Sample("orphans") { OrphansRequest(dest: "oss://b/", credentials: nil, abort: true, olderThan: 604_800) },
        Sample("orphans-result") {
            ListEnvelope(
                items: [
                    OrphanView(
                        bucket: "b", key: "k", uploadId: "0004B9", initiated: "2026-11-01T00:00:00Z", age: 1_900_000, bytes: nil,
                        owner: "ledger",
                        upload: nil, aborted: false)
                ], total: 1)
        },
        Sample("auth-test") { AuthTestRequest(remote: "prod", dest: nil, credentials: nil) },
        Sample("auth-test-result") {
            ListEnvelope(items: [AuthCheck(scope: "prod", check: "clock", ok: true, text: "0.2 s ahead of OSS")], total: 1)
        },
    ]

    private static let views: [Sample] = [
        Sample("status") { status }, Sample("status-bare") { bareStatus }, Sample("upload") { upload },
        Sample("upload-bare") { bareUpload },
        Sample("uploads") { ListEnvelope(items: [bareUpload], total: 100_537, truncated: true) }, Sample("detail") { detail },
        Sample("auth") { AuthStatus(leases: [lease], clockOffset: nil) },
        Sample("remotes") {
            ListEnvelope(
                items: [
                    RemoteView(name: "prod", bucket: "media-prod", region: "cn-hangzhou", endpoint: nil, prefix: "2026/", kind: "broker")
                ], total: 1)
        },
        Sample("settings") {
            SettingsView(
                theme: "auto", defaultRemote: nil,
                remotes: [RemoteView(name: "prod", bucket: "b", region: nil, endpoint: "http://127.0.0.1:9000", prefix: "", kind: "static")]
            )
        }, Sample("error") { ErrorBody(code: "not_found", message: "There is no upload u-1. See davit queue.", exit: 4) },
    ]

    private static let authorization: [Sample] = [
        Sample(authorization: "credentials-request") {
            CredentialsRequest(prefix: "uploads/", verbs: ["upload"], durationSeconds: 3600, job: "j-31")
        },
        Sample(authorization: "credentials-answer") {
            CredentialsAnswer(
                accessKeyId: "STS.sample", accessKeySecret: "sample-secret", securityToken: "sample-token",
                expiration: "2026-11-23T07:03:22Z",
                serverTime: "2026-11-23T06:03:22Z", bucket: "b", region: "cn-hangzhou", endpoint: "http://127.0.0.1:9000",
                prefix: "uploads/camera-7/",
                policy: "{}", narrowedDurationSeconds: 3600)
        },
        Sample(authorization: "signed-urls-request") {
            SignedURLsRequest(
                requests: [
                    .init(
                        operation: "part", key: "uploads/camera-7/a", uploadId: "0004B9", partNumber: 2,
                        headers: ["content-type": "video/mp4"])
                ],
                expiresIn: 900, job: nil)
        },
        Sample(authorization: "signed-urls-answer") {
            SignedURLsAnswer(
                urls: [.init(url: "http://127.0.0.1:9000/b/k", method: "PUT", headers: [:], expiresAt: "2026-11-23T06:18:22Z")],
                serverTime: "2026-11-23T06:03:22Z", bucket: "b", prefix: "uploads/camera-7/")
        },
    ]
}
