import Glibc

/// The two streams of the program: results on standard output, everything else on standard error.
enum Screen {
    static func result(_ text: String) { write(text, to: STDOUT_FILENO) }
    static func note(_ text: String) { write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array((text + "\n").utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written) }
            if count < 0, errno == EINTR { continue }
            // Nobody reads: there is no one left to tell.
            guard count > 0 else { return }
            written += count
        }
    }
}
