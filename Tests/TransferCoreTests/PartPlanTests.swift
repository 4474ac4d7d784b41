import Testing

@testable import TransferCore

@Suite struct PartPlanTests {
    private static let mib: Int64 = 1 << 20
    private static let usual: [(size: Int64, partSize: Int64, count: Int)] = [
        (0, 8 * mib, 1), (1, 8 * mib, 1), (8 * mib, 8 * mib, 1), (8 * mib + 1, 8 * mib, 2), (300 * mib, 8 * mib, 38),
        (80_000 * mib, 8 * mib, 10_000), (80_000 * mib + 1, 9 * mib, 8_889), (5_242_880 * mib, 525 * mib, 9_987),
        (51_200_000 * mib, 5_120 * mib, 10_000),
    ]
    private static let preferences: [(preferred: Int64, partSize: Int64)] = [
        (102_400, mib), (5_000_000, 5 * mib), (20 * mib, 20 * mib), (1_048_576 * mib, 5_120 * mib),
    ]
    private static let huge: [(size: Int64, preferred: Int64)] = [(.max, .max), (.max, 1), (1, .max)]

    @Test(arguments: usual)
    func theUsualPlanFitsTheLimits(size: Int64, partSize: Int64, count: Int) throws {
        let plan = try PartPlan(fileSize: size)

        #expect(plan.partSize == partSize)
        #expect(plan.partCount == count)
        #expect(plan.isSinglePut == (count == 1))
    }

    @Test func partsCoverTheFileExactly() throws {
        for size in [Int64(1), 3, 7, 10, 11, 99] {
            let plan = try PartPlan(fileSize: size, partSize: 5)
            let ranges = (1...plan.partCount).map { plan.range(of: $0) }

            #expect(ranges.map(\.number) == Array(1...plan.partCount))
            #expect(ranges.reduce(0) { $0 + $1.length } == size)
            #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.offset + $0.length == $1.offset })
            #expect(ranges.dropLast().allSatisfy { $0.length == 5 })
        }
    }

    @Test func anEmptyFileIsOneEmptyPart() throws {
        let plan = try PartPlan(fileSize: 0)

        #expect(plan.range(of: 1) == PartRange(number: 1, offset: 0, length: 0))
    }

    @Test(arguments: preferences) func aPreferenceBecomesWholeMiB(preferred: Int64, partSize: Int64) throws {
        #expect(try PartPlan(fileSize: 1 << 30, preferred: preferred).partSize == partSize)
    }

    @Test func aPreferenceThatGivesTooManyPartsIsRaisedAndSaysSo() throws {
        let plan = try PartPlan(fileSize: 1 << 40, preferred: 1 << 20)

        #expect(plan.partCount <= 10_000)
        #expect(plan.isRaised(over: 1 << 20))
        #expect(try !PartPlan(fileSize: 1 << 30, preferred: 100_000).isRaised(over: 100_000))
    }

    @Test func aResumedUploadKeepsItsPartSizeWhateverThePreferenceIs() throws {
        #expect(try PartPlan(fileSize: 100, partSize: 7).partCount == 15)
    }

    @Test func whatCannotBeStoredIsRefused() {
        #expect(throws: PlanError.fileTooLarge(51_200_000 * PartPlanTests.mib + 1)) {
            try PartPlan(fileSize: 51_200_000 * PartPlanTests.mib + 1)
        }
        #expect(throws: PlanError.badSize(-1)) { try PartPlan(fileSize: -1) }
        #expect(throws: PlanError.badSize(0)) { try PartPlan(fileSize: 5, preferred: 0) }
        #expect(throws: PlanError.badSize(0)) { try PartPlan(fileSize: 5, partSize: 0) }
        #expect(throws: PlanError.badSize(1)) { try PartPlan(fileSize: 10_001, partSize: 1) }
        #expect(throws: PlanError.badSize((5 << 30) + 1)) { try PartPlan(fileSize: 10_001, partSize: (5 << 30) + 1) }
    }

    @Test(arguments: huge) func hugeNumbersDoNotTrap(size: Int64, preferred: Int64) {
        let plan = try? PartPlan(fileSize: size, preferred: preferred)

        #expect(plan == nil || plan?.partCount == 1)
    }
}
