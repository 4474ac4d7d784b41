import OSSProtocol

extension PartPlan {
    /// How to go on with an upload that somebody else began: cut as they cut, as far as their parts tell.
    ///
    /// The size is that of the parts that keep the most bytes; parts of another size are sent anew. Whether the bytes of the others are
    /// those of the file is not known yet: reading tells.
    ///
    /// - Parameters:
    ///   - listed: what the server has of it.
    ///   - preferred: of a plan of our own, where no part of theirs can be used.
    /// - Returns: `nil` where nothing is there that could be used and the file goes up in one request.
    public static func adopting(fileSize: Int64, listed: [StoredPart], preferred: Int64) -> PartPlan? {
        var best: (plan: PartPlan, bytes: Int64)?
        for size in Set(listed.map(\.size)) where size >= OSSLimits.smallestPart {
            guard let plan = try? PartPlan(fileSize: fileSize, partSize: size), !plan.isSinglePut else { continue }
            let bytes = listed.reduce(Int64(0)) { $0 + (plan.holds($1) ? $1.size : 0) }
            if bytes > 0, (bytes, size) > (best?.bytes ?? 0, best?.plan.partSize ?? 0) { best = (plan, bytes) }
        }
        if let best { return best.plan }
        guard let own = try? PartPlan(fileSize: fileSize, preferred: preferred), !own.isSinglePut else { return nil }
        return own
    }

    /// Whether a part of that number and size has its place in it.
    func holds(_ part: StoredPart) -> Bool { (1...partCount).contains(part.number) && part.size == range(of: part.number).length }
}
