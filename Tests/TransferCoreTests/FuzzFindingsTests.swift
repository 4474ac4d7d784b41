import OSSProtocol
import Testing

@testable import TransferCore

/// What `scripts/fuzz` found in queries and filters.
@Suite struct FuzzFindingsTests {
    @Test(arguments: ["error:-{a,", "name:a,", "name:,", "sort:size,", "path:"]) func theErrorOfAQueryIsInItsText(text: String) {
        let error = #expect(throws: QueryError.self) { try UploadQuery(text, now: UploadQueryTests.now) }

        // A place right behind the end is where something is missing.
        #expect(error.map { $0.position + $0.length <= text.count + 1 } == true)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["/(){100}{100}{100}{100}{100}{100}/", "/(^|){100}{100}{100}/", "/((){100}){100}{100}{100}{100}/"])
    func countingNothingIsNotDoneForEver(text: String) {
        #expect(throws: QueryError.self) { try UploadQuery(text, now: UploadQueryTests.now) }
    }

    @Test func thePatternsOfAQueryAreBoundedTogether() throws {
        let one = "/[wyz]?{99}{50}x/"

        #expect(throws: Never.self) { try UploadQuery(one, now: UploadQueryTests.now) }
        let error = #expect(throws: QueryError.self) {
            try UploadQuery(Array(repeating: one, count: 199).joined(separator: " "), now: UploadQueryTests.now)
        }
        #expect(error?.message == "the patterns of the query are too large together")
    }

    @Test func theFiltersOfAnOrderAreBoundedTogether() throws {
        let rule = "-" + String(repeating: "{a,b}", count: 800)

        #expect(throws: Never.self) { try Filters([rule]) }
        #expect(throws: Never.self) { try Filters(Array(repeating: "-*.{tmp,bak}", count: Filters.mostRules)) }
        #expect(throws: FilterError.self) { try Filters(Array(repeating: rule, count: 900)) }
    }

    /// A folder that is skipped although a file in it would have been taken is data that is not uploaded, and nobody is told.
    @Test(arguments: ["-//", "-//**", "-/", "-//a/"]) func aFolderIsSkippedOnlyIfNothingInItCouldBeTaken(rule: String) {
        guard let filters = try? Filters([rule]) else { return }

        #expect(filters.includes("a/b") == !filters.excludesEverything(below: Array("a".utf8)))
    }
}
