/// Random bytes of the kernel: nonces, salts, tokens, ids of orders.
public enum Randomness {
    public static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// `length` letters and digits, 5 bits each: 24 of them are beyond guessing. Safe in a URL, a file name and an object key.
    public static func token(_ length: Int = 24) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        return String(decoding: bytes(length).map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }
}
