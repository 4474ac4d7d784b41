import OSSProtocol

extension FaultRule {
    private enum Value: Decodable {
        case text(String)
        case integer(Int)
        case number(Double)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let integer = try? container.decode(Int.self) {
                self = .integer(integer)
            } else {
                self = .number(try container.decode(Double.self))
            }
        }

        var text: String {
            switch self {
            case .text(let text): text
            case .integer(let number): String(number)
            case .number(let number): String(number)
            }
        }
    }

    private enum Item: Decodable {
        case text(String)
        case object([String: Value])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .object(try container.decode([String: Value].self))
            }
        }
    }

    /// One rule or many, from the body of a control call: JSON (text, object, or a list of them), or plain text with a rule a line.
    static func list(_ body: [UInt8]) throws(FaultRuleError) -> [FaultRule] {
        var items: [Item] = []
        if let one = try? JSON.decode(Item.self, body) {
            items = [one]
        } else if let many = try? JSON.decode([Item].self, body) {
            items = many
        } else {
            let text = String(decoding: body, as: UTF8.self)
            if let first = text.utf8.first(where: { $0 > 32 }), first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                throw FaultRuleError("the body is not JSON with texts and numbers as values")
            }
            items = text.split(separator: "\n").filter { !$0.allSatisfy { $0 == " " } }.map { .text(String($0)) }
        }
        guard !items.isEmpty else {
            throw FaultRuleError("the body is empty; give a rule such as \"status status=503 operation=UploadPart\"")
        }
        var rules: [FaultRule] = []
        for item in items {
            switch item {
            case .text(let text): rules.append(try FaultRule(text))
            case .object(let fields):
                let pairs = fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) }
                rules.append(try FaultRule(pairs: pairs))
            }
        }
        return rules
    }
}
