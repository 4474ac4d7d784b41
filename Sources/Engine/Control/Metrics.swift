import Contracts
import Glibc

/// `GET /metrics`: the status in Prometheus's text form.
enum Metrics {
    static func text(_ status: StatusView, residentBytes: Int64?) -> String {
        var page = Page()
        page.gauge("davit_up", "1 while the engine answers.", [([("version", status.engine.version)], 1)])
        page.gauge("davit_uptime_seconds", "Since the engine started.", [([], status.engine.uptime)])
        page.gauge("davit_front_ends", "Terminals and commands that follow the engine.", [([], Double(status.engine.frontEnds))])
        page.gauge(
            "davit_uploads", "Uploads in the queue by state.",
            status.counts.sorted { $0.key < $1.key }.map { ([("state", $0.key)], Double($0.value)) })
        page.gauge("davit_queue_bytes", "Bytes of all uploads in the queue whose size is known.", [([], Double(status.totals.bytes))])
        page.gauge("davit_stored_bytes", "Bytes of those that the server has acknowledged.", [([], Double(status.totals.stored))])
        page.gauge("davit_resent_bytes", "Bytes of those that were sent in vain.", [([], Double(status.totals.resent))])
        page.gauge("davit_rate_bytes_per_second", "Bytes sent a second, over the last 3 s.", [([], Double(status.rate))])
        if let limit = status.limits.rate {
            page.gauge("davit_rate_limit_bytes_per_second", "The limit that stands; 0 pauses.", [([], Double(limit))])
        }
        page.gauge("davit_parts_sending", "Parts in flight.", [([], Double(status.partsSending))])
        page.gauge("davit_slots_used", "Uploads that hold a slot.", [([], Double(status.slotsUsed))])
        page.gauge("davit_outage", "1 while the endpoint does not answer.", [([], status.outage == nil ? 0 : 1)])
        if let offset = status.clockOffset {
            page.gauge("davit_clock_offset_seconds", "Server clock minus ours.", [([], offset)])
        }
        page.gauge(
            "davit_lease_seconds_left", "Life left of each credential.",
            status.leases.compactMap { lease in lease.left.map { ([("scope", lease.scope), ("kind", lease.kind)], $0) } })
        page.counter(
            "davit_lease_fetches_total", "How often each source of credentials was asked.",
            status.leases.map { ([("scope", $0.scope), ("kind", $0.kind)], Double($0.fetches)) })
        if let residentBytes {
            page.gauge("process_resident_memory_bytes", "Resident memory of the engine.", [([], Double(residentBytes))])
        }
        return page.text
    }

    /// From `/proc/self/statm`; `nil` where it cannot be read.
    static func residentBytes() -> Int64? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let numbers = text.split(separator: " ")
        guard numbers.count > 1, let pages = Int64(numbers[1]) else { return nil }
        return pages * Int64(getpagesize())
    }

    private struct Page {
        typealias Sample = (labels: [(String, String)], value: Double)
        var text = ""

        mutating func gauge(_ name: String, _ help: String, _ samples: [Sample]) { family(name, help, "gauge", samples) }
        mutating func counter(_ name: String, _ help: String, _ samples: [Sample]) { family(name, help, "counter", samples) }

        private mutating func family(_ name: String, _ help: String, _ type: String, _ samples: [Sample]) {
            guard !samples.isEmpty else { return }
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples {
                let labels = sample.labels.map { "\($0.0)=\"\(Page.escaped($0.1))\"" }.joined(separator: ",")
                text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(Page.number(sample.value))\n"
            }
        }

        private static func number(_ value: Double) -> String {
            value.rounded() == value && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
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
