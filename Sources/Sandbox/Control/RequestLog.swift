import OSSProtocol
import Platform

/// The last requests that OSS and STS answered, and how many there were in all.
final class RequestLog: Sendable {
    struct Entry: Sendable, Encodable {
        /// Counts up by one for each request; 0 before it is recorded.
        var sequence = 0
        var time: Timestamp
        var method: String
        var operation = "Other"
        var bucket: String?
        var key: String?
        var partNumber: Int?
        var uploadID: String?
        /// 0 where no answer was given.
        var status = 0
        var code: String?
        var bodyBytes: Int64 = 0
        /// `nil` where nobody could be identified.
        var accessKeyID: String?
        var requestID: String
        /// The number of the fault rule that was met.
        var fault: Int?
        var milliseconds: Int64 = 0

        init(time: Timestamp, method: String, requestID: String) {
            (self.time, self.method, self.requestID) = (time, method, requestID)
        }

        mutating func describe(_ operation: String, _ address: ServiceAddress, _ request: IncomingRequest) {
            self.operation = operation
            bucket = address.bucket
            key = address.key?.description
            partNumber = request.parameter("partNumber").flatMap { Int(digits: $0) }
            uploadID = request.parameter("uploadId")
        }

        private enum Name: String, CodingKey {
            case sequence, time, method, operation, bucket, key, status, code, anonymous, fault, milliseconds
            case partNumber = "part_number"
            case uploadID = "upload_id"
            case bodyBytes = "bytes"
            case accessKeyID = "access_key_id"
            case requestID = "request_id"
        }

        func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: Name.self)
            try object.encode(sequence, forKey: .sequence)
            try object.encode(time.iso8601Milliseconds, forKey: .time)
            try object.encode(method, forKey: .method)
            try object.encode(operation, forKey: .operation)
            try object.encode(bucket, forKey: .bucket)
            try object.encode(key, forKey: .key)
            try object.encode(partNumber, forKey: .partNumber)
            try object.encode(uploadID, forKey: .uploadID)
            try object.encode(status, forKey: .status)
            try object.encode(code, forKey: .code)
            try object.encode(bodyBytes, forKey: .bodyBytes)
            try object.encode(accessKeyID, forKey: .accessKeyID)
            try object.encode(accessKeyID == nil, forKey: .anonymous)
            try object.encode(requestID, forKey: .requestID)
            try object.encode(fault, forKey: .fault)
            try object.encode(milliseconds, forKey: .milliseconds)
        }
    }

    struct Page: Sendable, Encodable {
        var requests: [Entry]
        /// How many requests there were since the last clearing, by operation.
        var totals: [String: Int]
        /// `since` of the next look.
        var last: Int
    }

    private struct State {
        var ring: [Entry] = []
        var next = 0
        var last = 0
        var totals: [String: Int] = [:]
    }

    /// Entries kept; of about 400 bytes each.
    static let most = 50_000

    private let state = Lock(State())

    func add(_ entry: Entry) {
        state.withLock { state in
            state.last += 1
            var entry = entry
            entry.sequence = state.last
            if state.ring.count < RequestLog.most {
                state.ring.append(entry)
            } else {
                state.ring[state.next] = entry
            }
            state.next = (state.next + 1) % RequestLog.most
            state.totals[entry.operation, default: 0] += 1
        }
    }

    /// Entries after that sequence number, in order.
    func page(since: Int) -> Page {
        state.withLock { state in
            let ordered = state.ring.count < RequestLog.most ? state.ring : Array(state.ring[state.next...] + state.ring[..<state.next])
            return Page(requests: ordered.filter { $0.sequence > since }, totals: state.totals, last: state.last)
        }
    }

    func clear() {
        state.withLock { state in
            (state.ring, state.next, state.totals) = ([], 0, [:])
        }
    }
}
