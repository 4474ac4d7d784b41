extension V4 {
    /// The value of an `Authorization` header of version 4.
    public struct Authorization: Sendable, Equatable {
        public var credential: Credential
        /// As sent; `V4.canonicalRequest` drops what does not count.
        public var additionalHeaders: [String]
        public var signature: String

        public init(credential: Credential, additionalHeaders: [String], signature: String) {
            (self.credential, self.additionalHeaders, self.signature) = (credential, additionalHeaders, signature)
        }
    }

    /// Why an `Authorization` value cannot be read. `ec` is OSS's code for it.
    public enum AuthorizationError: Error, Sendable, Equatable {
        case otherAlgorithm
        case malformedPair(String)
        case unknownName(String)
        case repeatedName(String)
        case credentialMissing
        case credentialMalformed(String)
        case signatureMissing

        public var ec: String {
            switch self {
            case .otherAlgorithm, .malformedPair: "0002-00000202"
            case .unknownName: "0002-00000203"
            case .repeatedName, .signatureMissing: "0002-00000204"
            case .credentialMissing: "0002-00000205"
            case .credentialMalformed: "0002-00000213"
            }
        }
    }

    /// Reads the value leniently: pairs separated by `,` with or without blanks, in any order.
    public static func parseAuthorization(_ value: String) throws(AuthorizationError) -> Authorization {
        guard let (name, rest) = value.splitOnce(" "), name == algorithm else { throw .otherAlgorithm }
        var pairs: [String: String] = [:]
        for piece in rest.utf8.split(separator: UInt8(ascii: ",")) {
            let text = trimmed(String(decoding: piece, as: UTF8.self))
            guard let (name, value) = text.splitOnce("=") else { throw .malformedPair(text) }
            guard ["Credential", "AdditionalHeaders", "Signature"].contains(name) else { throw .unknownName(name) }
            guard pairs.updateValue(value, forKey: name) == nil else { throw .repeatedName(name) }
        }
        guard let text = pairs["Credential"] else { throw .credentialMissing }
        guard let credential = Credential(text) else { throw .credentialMalformed(text) }
        guard let signature = pairs["Signature"], !signature.isEmpty else { throw .signatureMissing }
        let names = (pairs["AdditionalHeaders"] ?? "").utf8.split(separator: UInt8(ascii: ";")).map { String(decoding: $0, as: UTF8.self) }
        return Authorization(credential: credential, additionalHeaders: names, signature: signature)
    }
}
