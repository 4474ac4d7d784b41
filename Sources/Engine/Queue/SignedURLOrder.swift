import Contracts
import OSSProtocol
import Platform

/// An order with a signed URL in place of a destination: one file, one request.
extension EngineLoop {
    /// The order as it is kept: the URL itself is a secret and stays behind.
    ///
    /// - Throws: exit 2, for what one signed URL cannot do.
    func withoutSignedURL(_ order: JobOrder) async throws(OrderError) -> (order: JobOrder, target: Target) {
        guard let url = order.options.signedUrl else {
            guard let dest = order.dest else { throw .option("the order names no destination. Write oss://BUCKET/KEY or REMOTE:KEY") }
            return (order, try await resolver.resolve(dest: dest, credentials: order.credentials))
        }
        guard order.dest == nil, order.sources.count == 1 else {
            throw .option("--signed-url puts one file and takes no destination. Write: davit put FILE --signed-url URL")
        }
        guard order.options.existing.map({ $0 == "overwrite" }) ?? true else {
            throw .option("--existing needs a destination that can be asked; a signed URL puts the object and does nothing else")
        }
        if await SourceReader.kinds(order.sources) == [.folder] {
            throw .option("--signed-url puts one file, and \(order.sources[0]) is a folder")
        }
        let target = try await resolver.resolve(signedURL: url)
        var order = order
        (order.dest, order.options.signedUrl) = ("oss://\(target.bucket)/\(target.prefix)", nil)
        // One request whatever its size.
        order.options.partSize = OSSLimits.largestPart
        return (order, target)
    }
}

extension OrderPlan {
    /// Nothing but one PutObject a file.
    var isOnePut: Bool { GivenURL.isOne(target.scope) }
}
