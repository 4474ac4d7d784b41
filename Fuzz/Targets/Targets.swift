/// Every parser that reads what others wrote, by the name that scripts/fuzz knows it by.
let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "xml": fuzzXML,
    "json-tokens": fuzzTokens,
    "control-json": fuzzControl,
    "toml": fuzzTOML,
    "profiles": fuzzProfiles,
    "urls": fuzzURLs,
    "headers": fuzzHeaders,
    "policy": fuzzPolicy,
    "query": fuzzQuery,
    "text": fuzzText,
]
