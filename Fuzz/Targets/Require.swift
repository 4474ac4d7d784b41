/// Stops the process, so that the fuzzer keeps the input that broke the property.
func require(_ holds: Bool, _ property: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line) {
    if !holds { fatalError("davit-fuzz: not true that \(property())", file: file, line: line) }
}

func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

/// One line for a terminal: nothing in it moves a cursor, changes a colour or turns the direction of the text.
func isOneLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy {
        $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && !$0.properties.isBidiControl && $0.value != 0x2028 && $0.value != 0x2029
    }
}

/// A secret must not be in what people or logs are shown. Only such as hold the seeds' `secretsecret` are looked for: the fuzzer learns
/// davit's own words and makes secrets of them.
/// - Parameter id: is shown, and may hold the same text.
func requireHidden(_ secret: String?, beside id: String = "", in shown: String, _ what: String) {
    guard let secret, secret.contains("secretsecret"), !id.contains(secret) else { return }
    require(!shown.contains(secret), "\(what) shows no secret")
}
