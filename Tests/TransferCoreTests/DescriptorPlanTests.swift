import Testing

@testable import TransferCore

@Suite struct DescriptorPlanTests {
    @Test(arguments: [(1024, 30), (1 << 20, 30), (640, 40)]) func withEnoughOfThemNothingIsHeldBack(_ limit: Int, _ open: Int) {
        let plan = DescriptorPlan(limit: limit, open: open)

        #expect(plan.parts == DescriptorPlan.most && !plan.isScarce)
    }

    @Test(arguments: [78, 100, 256, 500]) func allThatIsInFlightFitsBesideWhatIsReserved(_ limit: Int) {
        let plan = DescriptorPlan(limit: limit, open: 30)

        #expect(30 + DescriptorPlan.reserve + plan.parts * DescriptorPlan.each <= limit)
        #expect(plan.isScarce)
    }

    @Test(arguments: [0, 10, 54]) func onePartIsAlwaysAllowed(_ limit: Int) { #expect(DescriptorPlan(limit: limit, open: 30).parts == 1) }
}
