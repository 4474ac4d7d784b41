/// How prefixes come together: granted, then the remote's, then what the destination names.
public enum Prefixes {
    /// Empty stays empty; everything else ends with one slash of its own.
    public static func folder(_ prefix: String) -> String {
        guard let last = prefix.utf8.last else { return "" }
        return last == UInt8(ascii: "/") ? prefix : prefix + "/"
    }

    /// The remote's prefix lies under the granted one and is never repeated where it already begins with it.
    public static func under(granted: String, remote: String) -> String {
        let (granted, remote) = (folder(granted), folder(remote))
        return remote.utf8.starts(with: granted.utf8) ? remote : granted + remote
    }
}
