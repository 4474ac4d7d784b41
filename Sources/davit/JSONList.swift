import Contracts

/// `{"schema":1,"items":[…],"total":N,"truncated":false}`, printed as it comes: a million items need no memory.
struct JSONList {
    private(set) var count = 0

    mutating func add(_ items: [some Encodable]) throws {
        if count == 0, !items.isEmpty { Output.raw("{\"schema\":1,\"items\":[") }
        for item in items {
            Output.raw((count == 0 ? "\n" : ",\n") + String(decoding: try ContractJSON.encode(item), as: UTF8.self))
            count += 1
        }
    }

    func end(total: Int) {
        if count == 0 { Output.raw("{\"schema\":1,\"items\":[") }
        Output.result("],\"total\":\(total),\"truncated\":\(count < total)}")
    }
}
