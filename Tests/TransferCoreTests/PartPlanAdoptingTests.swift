import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct PartPlanAdoptingTests {
    private static let mebibyte: Int64 = 1 << 20

    private func part(_ number: Int, _ size: Int64) -> StoredPart { StoredPart(number: number, size: size, etag: "E", crc64: 1) }

    @Test func theirPartsDecideWhereItIsCut() {
        let five = 5 * Self.mebibyte

        let plan = PartPlan.adopting(fileSize: 23 * Self.mebibyte, listed: [part(1, five), part(3, five)], preferred: 8 * Self.mebibyte)

        #expect(plan?.partSize == five && plan?.partCount == 5)
    }

    @Test func aShortLastPartDoesNotDecide() {
        let five = 5 * Self.mebibyte

        let plan = PartPlan.adopting(fileSize: 23 * Self.mebibyte, listed: [part(2, five), part(5, 3 * Self.mebibyte)], preferred: 1)

        #expect(plan?.partSize == five)
    }

    @Test func theSizeOfMostBytesWins() {
        let parts = [part(1, 1_000_000), part(2, 6_000_000), part(3, 6_000_000)]

        #expect(PartPlan.adopting(fileSize: 30_000_000, listed: parts, preferred: 8 << 20)?.partSize == 6_000_000)
    }

    @Test func whereNothingCanBeUsedItIsCutAsUsual() {
        #expect(PartPlan.adopting(fileSize: 30 << 20, listed: [], preferred: 8 << 20)?.partSize == 8 << 20)
        #expect(PartPlan.adopting(fileSize: 30 << 20, listed: [part(1, 50)], preferred: 8 << 20)?.partSize == 8 << 20)
        #expect(PartPlan.adopting(fileSize: 1 << 20, listed: [part(1, 200 << 20)], preferred: 8 << 20) == nil)
    }
}
