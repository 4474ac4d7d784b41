// swift-tools-version: 6.2
import PackageDescription

// One table a kind of target; who may import whom is held against docs/architecture.md by ArchitectureTests.
let strict: [SwiftSetting] =
    [.enableUpcomingFeature("ExistentialAny")] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

let package = Package(
    name: "davit",
    products: [
        .executable(name: "davit", targets: ["davit"]),
        .executable(name: "davit-engine", targets: ["davit-engine"]),
        .executable(name: "davit-authd", targets: ["davit-authd"]),
        .executable(name: "davit-sandbox", targets: ["davit-sandbox"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // C: typed one-line wrappers for what Swift cannot call, and what it has no instructions for; nothing else.
        .target(name: "CNcurses", linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("crypto")]),
        .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(name: "CPosix"),
        .target(name: "CCRC64"),
        .systemLibrary(name: "CLzma"),

        // Pure: no files, sockets, tasks, clocks, randomness without a generator, or print.
        .target(name: "OSSProtocol", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "TransferCore", dependencies: ["OSSProtocol"], swiftSettings: strict),
        .target(name: "Contracts", swiftSettings: strict),
        .target(name: "TOML", swiftSettings: strict),
        .target(name: "TerminalUI", dependencies: ["Contracts", "TOML"], swiftSettings: strict),

        // Edges: they do what the pure modules decide.
        .target(
            name: "Platform",
            dependencies: ["OSSProtocol", "CPosix", "CCRC64", "CLzma"],
            swiftSettings: strict),
        // Apart from Platform so that the front end loads neither libcurl nor the thirty libraries behind it.
        .target(
            name: "Wire",
            dependencies: ["OSSProtocol", "Platform", "CCurl", "CPosix"],
            swiftSettings: strict),
        // Where credentials come from; the engine and the authorization server read the same kinds.
        .target(
            name: "Credentials",
            dependencies: ["OSSProtocol", "Contracts", "TOML", "Platform"],
            swiftSettings: strict),
        .target(
            name: "Engine",
            dependencies: [
                "OSSProtocol", "TransferCore", "Contracts", "TOML", "Platform", "Wire", "Credentials", "CSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .target(
            name: "Authorization",
            dependencies: [
                "OSSProtocol", "Contracts", "TOML", "Platform", "Wire", "Credentials",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            swiftSettings: strict),
        .target(
            name: "Sandbox",
            dependencies: [
                "OSSProtocol", "Platform", "Wire",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        // Programs.
        .executableTarget(
            name: "davit",
            dependencies: [
                "OSSProtocol", "Contracts", "TerminalUI", "TOML", "Platform", "CNcurses",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "davit-engine",
            dependencies: ["Engine", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .executableTarget(
            name: "davit-authd",
            dependencies: ["Authorization", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .executableTarget(
            name: "davit-sandbox",
            dependencies: ["Sandbox", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        // Prints what a signature costs: Benchmarks/README.md.
        .executableTarget(
            name: "signing-benchmark", dependencies: ["OSSProtocol"], path: "Benchmarks/Signing", swiftSettings: strict),

        // Tests.
        .testTarget(name: "OSSProtocolTests", dependencies: ["OSSProtocol"], resources: [.copy("Vectors")]),
        .testTarget(name: "TransferCoreTests", dependencies: ["TransferCore"]),
        .testTarget(name: "ContractsTests", dependencies: ["Contracts"], resources: [.copy("Samples")]),
        .testTarget(name: "TOMLTests", dependencies: ["TOML"]),
        .testTarget(name: "TerminalUITests", dependencies: ["TerminalUI"], resources: [.copy("Goldens")]),
        .testTarget(name: "PlatformTests", dependencies: ["Platform", "Wire"]),
        .testTarget(name: "CredentialsTests", dependencies: ["Credentials", "Wire"]),
        .testTarget(name: "EngineTests", dependencies: ["Engine"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "AuthorizationTests",
            dependencies: ["Authorization", .product(name: "HummingbirdTesting", package: "hummingbird")]),
        .testTarget(
            name: "SandboxTests",
            dependencies: ["Sandbox", .product(name: "HummingbirdTesting", package: "hummingbird")]),
        .testTarget(name: "ArchitectureTests"),
    ],
    swiftLanguageModes: [.v6]
)

// scripts/fuzz sets this: the parsers and the fuzzing program alone, and no package from outside.
if Context.environment["DAVIT_FUZZ"] != nil {
    let parsers = ["Contracts", "Credentials", "OSSProtocol", "Platform", "TOML", "TerminalUI", "TransferCore"]
    let needed = parsers + ["COpenSSL", "CPosix", "CCRC64", "CLzma"]
    package.products = []
    package.dependencies = []
    package.targets.removeAll { !needed.contains($0.name) }
    package.targets += [
        .target(name: "CAllocations", path: "Fuzz/Allocations"),
        .executableTarget(
            name: "davit-fuzz", dependencies: (parsers + ["CAllocations"]).map { .byName(name: $0) }, path: "Fuzz/Targets",
            swiftSettings: strict),
    ]
}
