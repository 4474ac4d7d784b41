/// The HTTP values that OSSProtocol builds and Platform sends. Nothing here touches a socket.

/// Header fields in the order they were added; names compare without case.
public struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public struct Field: Sendable, Equatable {
        public var name: String
        public var value: String
        public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    public private(set) var fields: [Field]

    public init(_ fields: [Field] = []) { self.fields = fields }
    public init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { Field($0.0, $0.1) } }

    /// The first value of that name; setting replaces every field of the name, `nil` removes them.
    public subscript(name: String) -> String? {
        get { fields.first { HTTPHeaders.sameName($0.name, name) }?.value }
        set {
            let place = fields.firstIndex { HTTPHeaders.sameName($0.name, name) }
            guard let place else {
                if let newValue { fields.append(Field(name, newValue)) }
                return
            }
            fields.removeAll { HTTPHeaders.sameName($0.name, name) }
            guard let newValue else { return }
            fields.insert(Field(name, newValue), at: min(place, fields.count))
        }
    }

    public mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

    /// For so many fields at once.
    public mutating func reserve(_ count: Int) { fields.reserveCapacity(count) }

    static func sameName(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        if a == b { return true }
        var (left, right) = (a.utf8.makeIterator(), b.utf8.makeIterator())
        while let one = left.next(), let other = right.next() {
            if one != other, lower(one) != lower(other) { return false }
        }
        return true
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
}

/// One request, ready for the wire: the path and query stand exactly as they will be sent.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    /// `http` or `https`.
    public var scheme: String
    /// Host as in the `Host` header, with the port when it is not the scheme's own.
    public var host: String
    /// Percent-encoded, begins with `/`; sent byte for byte (no dot-segment removal anywhere).
    public var path: String
    /// Percent-encoded, without the `?`; `nil` when there is none.
    public var query: String?
    public var headers: HTTPHeaders
    /// A small body in memory: XML, JSON, a form. The bytes of a file are Platform's `UploadBody`.
    public var body: [UInt8]

    public init(
        method: String, scheme: String, host: String, path: String, query: String? = nil, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) {
        self.method = method
        self.scheme = scheme
        self.host = host
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    public var url: String { "\(scheme)://\(host)\(path)\(query.map { "?" + $0 } ?? "")" }
}

/// One complete answer. Bodies are bounded by the transport before they get here.
public struct HTTPResponse: Sendable, Equatable {
    public var status: Int
    public var headers: HTTPHeaders
    public var body: [UInt8]

    public init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}
