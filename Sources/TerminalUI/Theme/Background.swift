/// What the terminal says of its background, for the theme `auto`.
public enum Background: Sendable, Equatable {
    case dark, light

    /// OSC 11 with `?`: terminals that know it answer with the colour, the others say nothing.
    public static let question = "\u{1B}]11;?\u{1B}\\"
    /// An answer is waited for so long, milliseconds: longer would be felt at every start.
    public static let patience: Int64 = 100

    /// From the answer as the decoder reports it: `]11;rgb:1010/1616/1d1d`, also `rgba:`, 1 to 4 digits a colour, and `#rrggbb`.
    public init?(report: [UInt8]) {
        let mark = Array("]11;".utf8)
        guard report.starts(with: mark) else { return nil }
        let text = String(decoding: report.dropFirst(mark.count), as: UTF8.self)
        var parts: [Substring]
        if text.hasPrefix("#"), text.utf8.count == 7 {
            let digits = text.dropFirst()
            parts = [digits.prefix(2), digits.dropFirst(2).prefix(2), digits.dropFirst(4)]
        } else if let colon = text.firstIndex(of: ":"), ["rgb", "rgba"].contains(text[..<colon]) {
            parts = text[text.index(after: colon)...].split(separator: "/", omittingEmptySubsequences: false)
        } else {
            return nil
        }
        guard parts.count == 3 || parts.count == 4 && text.hasPrefix("rgba") else { return nil }
        var rgb: UInt32 = 0
        for part in parts.prefix(3) {
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), let value = UInt32(part, radix: 16) else { return nil }
            let most = UInt32(1) << (4 * UInt32(part.utf8.count)) - 1
            rgb = rgb << 8 | (value * 255 + most / 2) / most
        }
        // Halfway between black and white as people see it.
        self = ColorMath.lab(rgb).l > 0.6 ? .light : .dark
    }

    /// `COLORFGBG` is `FOREGROUND;BACKGROUND`; 7 and 15 are light grounds.
    public init?(colorFGBG text: String?) {
        guard let ground = text?.split(separator: ";").last, let number = Int(ground), (0...15).contains(number) else { return nil }
        self = number == 7 || number == 15 ? .light : .dark
    }

    /// The theme that `auto` takes on it.
    public var theme: String { self == .light ? "default-light" : "default-dark" }
}
