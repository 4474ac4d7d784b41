import Contracts
import Glibc
import Platform

/// `GET /metrics` in Prometheus's text form. The names are a promise: docs/interface.md lists them all.
enum Metrics {
    static func text(_ status: StatusView, _ queue: QueueMetrics = QueueMetrics(), process: ProcessFigures? = nil) -> String {
        var page = Page()
        engine(&page, status)
        uploads(&page, status, queue)
        traffic(&page, status, queue)
        access(&page, status, queue)
        if let process { figures(&page, process) }
        return page.text
    }

    private static func engine(_ page: inout Page, _ status: StatusView) {
        page.gauge("davit_up", "1 while the engine answers.", [([("version", status.engine.version)], 1)])
        page.gauge("davit_uptime_seconds", "Since the engine started.", [([], status.engine.uptime)])
        page.gauge("davit_front_ends", "Terminals and commands that follow the engine.", [([], Double(status.engine.frontEnds))])
        page.gauge("davit_queue_paused", "1 while the whole queue is paused.", [([], status.queuePaused ? 1 : 0)])
        page.gauge("davit_outage", "1 while the endpoint does not answer or the queue cannot be written.", [([], status.outage == nil ? 0 : 1)])
        page.gauge("davit_clock_offset_seconds", "Server clock minus ours, once it is known.", status.clockOffset.map { [([], $0)] } ?? [])
    }

    private static func uploads(_ page: inout Page, _ status: StatusView, _ queue: QueueMetrics) {
        page.gauge(
            "davit_uploads", "Uploads in the queue by state.",
            status.counts.sorted { $0.key < $1.key }.map { ([("state", $0.key)], Double($0.value)) })
        page.counter(
            "davit_uploads_ended_total", "Uploads that came to an end, by the state they ended in.",
            UploadState.allCases.filter(\.isEnded).map { ([("state", $0.rawValue)], Double(queue.ended[$0.rawValue] ?? 0)) })
        page.gauge("davit_queue_bytes", "Bytes of all uploads in the queue whose size is known.", [([], Double(status.totals.bytes))])
        page.gauge("davit_stored_bytes", "Bytes of those that the server has acknowledged.", [([], Double(status.totals.stored))])
        page.gauge("davit_resent_bytes", "Bytes of those that were sent in vain.", [([], Double(status.totals.resent))])
        page.gauge(
            "davit_queue_lag_seconds", "How long the upload that is next in turn has waited for it; 0 when none waits.",
            [([], queue.lag.map { Double($0.inMilliseconds) / 1000 } ?? 0)])
        page.gauge("davit_queue_unwritten_changes", "Changes of the queue that wait for the disk.", [([], Double(queue.unwritten))])
        page.gauge(
            "davit_ledger_upload_ids", "Multipart uploads on the server that are ours: used by an upload of the queue, or owed an abort.",
            [([("for", "abort")], Double(queue.ledger.owed)), ([("for", "upload")], Double(queue.ledger.used))])
    }

    private static func traffic(_ page: inout Page, _ status: StatusView, _ queue: QueueMetrics) {
        page.counter("davit_sent_bytes_total", "Bytes of bodies that went out, those sent in vain too.", [([], Double(queue.sentBytes))])
        page.counter("davit_acknowledged_bytes_total", "Bytes of bodies that the server acknowledged.", [([], Double(queue.storedBytes))])
        page.counter("davit_wasted_bytes_total", "Bytes of bodies that went out and were not acknowledged.", [([], Double(queue.resentBytes))])
        page.gauge("davit_rate_bytes_per_second", "Bytes sent a second, over the last 3 s.", [([], Double(status.rate))])
        page.gauge(
            "davit_rate_limit_bytes_per_second", "The limit that stands; 0 pauses, +Inf is none.",
            [([], status.limits.rate.map(Double.init) ?? .infinity)])
        page.gauge("davit_parts_sending", "Parts in flight.", [([], Double(status.partsSending))])
        page.gauge("davit_parts_limit", "Parts that may be in flight.", [([], Double(status.limits.parts))])
        page.gauge("davit_slots_used", "Uploads that hold a slot.", [([], Double(status.slotsUsed))])
        page.gauge("davit_slots_limit", "Large uploads that may run at once.", [([], Double(status.limits.uploads))])
        page.counter(
            "davit_requests_total", "Requests of uploads by operation and by how they ended: ok, or what the failure means.",
            queue.requests.sorted { ($0.key.operation, $0.key.outcome) < ($1.key.operation, $1.key.outcome) }.map {
                ([("operation", $0.key.operation), ("class", $0.key.outcome)], Double($0.value))
            })
        page.counter(
            "davit_retries_total", "Requests that failed in a way that is tried again, by the code of the answer.",
            queue.retries.sorted { $0.key < $1.key }.map { ([("code", $0.key)], Double($0.value)) })
    }

    private static func access(_ page: inout Page, _ status: StatusView, _ queue: QueueMetrics) {
        // Several keys may serve one bucket: what is shown of them is the same series.
        let leases = Dictionary(grouping: status.leases) { [$0.scope, $0.kind] }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        page.gauge(
            "davit_lease_seconds_left", "Life left of each credential.",
            leases.compactMap { labels, leases in
                leases.compactMap(\.left).min().map { ([("scope", labels[0]), ("kind", labels[1])], $0) }
            })
        page.counter(
            "davit_lease_fetches_total", "How often each source of credentials was asked.",
            leases.map { labels, leases in
                ([("scope", labels[0]), ("kind", labels[1])], Double(leases.reduce(0) { $0 + $1.fetches }))
            })
        page.gauge(
            "davit_gates_closed", "What uploads wait for: scopes without credentials, endpoints that do not answer.",
            [([("kind", "credentials")], Double(queue.closedScopes)), ([("kind", "endpoint")], Double(queue.closedEndpoints))])
    }

    /// The names that every Prometheus client library uses.
    private static func figures(_ page: inout Page, _ process: ProcessFigures) {
        if let bytes = process.residentBytes {
            page.gauge("process_resident_memory_bytes", "Resident memory of the engine.", [([], Double(bytes))])
        }
        if let seconds = process.processorSeconds {
            page.counter("process_cpu_seconds_total", "Processor time of the engine, user and system.", [([], seconds)])
        }
        if let count = process.descriptors {
            page.gauge("process_open_fds", "Files and connections that are open.", [([], Double(count))])
        }
        page.gauge("process_max_fds", "Files and connections that may be open.", [([], Double(process.descriptorLimit))])
        page.gauge("process_start_time_seconds", "When the engine started, in seconds since 1970.", [([], process.start)])
    }

    private struct Page {
        typealias Sample = (labels: [(String, String)], value: Double)
        var text = ""

        mutating func gauge(_ name: String, _ help: String, _ samples: [Sample]) { family(name, help, "gauge", samples) }
        mutating func counter(_ name: String, _ help: String, _ samples: [Sample]) { family(name, help, "counter", samples) }

        private mutating func family(_ name: String, _ help: String, _ type: String, _ samples: [Sample]) {
            // A family without samples is announced all the same, so that a page always has the same names.
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples {
                let labels = sample.labels.map { "\($0.0)=\"\(Page.escaped($0.1))\"" }.joined(separator: ",")
                text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(Page.number(sample.value))\n"
            }
        }

        private static func number(_ value: Double) -> String {
            if value == .infinity { return "+Inf" }
            return value.rounded() == value && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        }

        private static func escaped(_ value: String) -> String {
            var text = ""
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return text
        }
    }
}
