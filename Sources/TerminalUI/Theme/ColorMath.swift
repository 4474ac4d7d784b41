/// Distances between colours (OKLab, Björn Ottosson 2020) and contrast (WCAG 2.1), for what a theme shows with fewer colours.
enum ColorMath {
    struct Lab: Sendable {
        var l, a, b: Double
        func distance(to other: Lab) -> Double {
            let (dl, da, db) = (l - other.l, a - other.a, b - other.b)
            return (dl * dl + da * da + db * db).squareRoot()
        }
    }

    static func lab(_ rgb: UInt32) -> Lab {
        let red = linear(rgb >> 16 & 0xFF)
        let green = linear(rgb >> 8 & 0xFF)
        let blue = linear(rgb & 0xFF)
        let l = cubeRoot(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        let m = cubeRoot(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        let s = cubeRoot(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        return Lab(
            l: 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s, a: 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
            b: 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s)
    }

    /// 1 to 21.
    static func contrast(_ first: UInt32, _ second: UInt32) -> Double {
        let (a, b) = (luminance(first), luminance(second))
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    /// The nearest of 16 to 255 that keeps a contrast of 4.5:1 on the background, or what the original had if that is less.
    static func nearestIndexed(_ rgb: UInt32, on background: UInt32?) -> UInt8 {
        let wanted = lab(rgb)
        // A hair below, so that the original's own neighbour is not refused for a rounding difference.
        let floor = background.map { min(4.5, contrast(rgb, $0)) * 0.97 } ?? 0
        var best: (index: UInt8, distance: Double)?
        var bestOfAll: (index: UInt8, distance: Double) = (16, .infinity)
        for index in UInt8(16)...255 {
            let candidate = Self.rgb(ofIndex: index)
            let distance = lab(candidate).distance(to: wanted)
            if distance < bestOfAll.distance { bestOfAll = (index, distance) }
            if let background, contrast(candidate, background) < floor { continue }
            if distance < best?.distance ?? .infinity { best = (index, distance) }
        }
        return best?.index ?? bestOfAll.index
    }

    static func nearestANSI(_ rgb: UInt32) -> UInt8 {
        let wanted = lab(rgb)
        var best: (index: UInt8, distance: Double) = (7, .infinity)
        for index in UInt8(0)...15 {
            let distance = lab(Self.rgb(ofIndex: index)).distance(to: wanted)
            if distance < best.distance { best = (index, distance) }
        }
        return best.index
    }

    /// xterm's default palette.
    static func rgb(ofIndex index: UInt8) -> UInt32 {
        let value = Int(index)
        if value < 16 { return named[value] }
        if value >= 232 {
            let grey = UInt32(8 + (value - 232) * 10)
            return grey << 16 | grey << 8 | grey
        }
        let steps: [UInt32] = [0, 95, 135, 175, 215, 255]
        let cube = value - 16
        return steps[cube / 36] << 16 | steps[cube / 6 % 6] << 8 | steps[cube % 6]
    }

    private static let named: [UInt32] = [
        0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5,
        0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF,
    ]

    private static func luminance(_ rgb: UInt32) -> Double {
        0.2126 * linear(rgb >> 16 & 0xFF) + 0.7152 * linear(rgb >> 8 & 0xFF) + 0.0722 * linear(rgb & 0xFF)
    }

    private static let linearTable: [Double] = (0...255).map { byte in
        let value = Double(byte) / 255
        return value <= 0.04045 ? value / 12.92 : power24((value + 0.055) / 1.055)
    }

    private static func linear(_ byte: UInt32) -> Double { linearTable[Int(byte)] }

    /// x^2.4 for 0 < x ≤ 1 as x² · x^(2/5), the fifth root by Newton's method: the module needs no C mathematics for it.
    private static func power24(_ x: Double) -> Double { x * x * fifthRoot(x * x) }

    private static func fifthRoot(_ x: Double) -> Double {
        guard x > 0 else { return 0 }
        var root = 1.0
        for _ in 0..<60 { root -= (root - x / (root * root * root * root)) / 5 }
        return root
    }

    private static func cubeRoot(_ x: Double) -> Double {
        guard x > 0 else { return 0 }
        var root = 1.0
        for _ in 0..<60 { root -= (root - x / (root * root)) / 3 }
        return root
    }
}
