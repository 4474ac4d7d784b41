// What a signature costs: CPU microseconds a request, signing key cached as an engine has it. Build with -c release.
//
//     signing-benchmark [REQUESTS]

import OSSProtocol

#if canImport(Glibc)
    import Glibc
#endif

let requests = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200_000
let address = BucketAddress(endpoint: .forRegion("cn-hangzhou"), addressing: .virtual, region: "cn-hangzhou", bucket: "media-archive-7")
let key = ObjectKey("footage/2026/01/15/camera 7/文档-最终版.mov")
let resource = address.resource(key)
// As from STS: a token of about a thousand characters, which is signed too.
let credentials = Credentials(
    accessKeyID: "STS.NUexampleKeyIdOfTheLength", accessKeySecret: Secret("exampleSecretWithTheUsualLengthOf44Characters"),
    securityToken: Secret(String(repeating: "CAISexample+Token/With=Odd", count: 40)))
let start = Timestamp(seconds: 1_768_465_800)
let uploadID = "0004B9894A22E5B1888A1E29F8236E2D"

/// User and system time of this process, in microseconds.
func cpu() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func microseconds(_ time: timeval) -> Double { Double(time.tv_sec) * 1_000_000 + Double(time.tv_usec) }
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
}

/// Builds and signs UploadPart requests; only signing is measured, since the unsigned requests are made before.
func measure(_ name: String, _ sign: (HTTPRequest, Timestamp) -> HTTPRequest) {
    let batch = 1000
    var spent = 0.0
    var bytes = 0
    var done = 0
    while done < requests {
        let plain = (0..<min(batch, requests - done)).map { place in
            OSSOperation.uploadPart(number: (done + place) % 10_000 + 1, uploadID: uploadID).request(at: address, key: key)
        }
        let before = cpu()
        for (place, request) in plain.enumerated() {
            let signed = sign(request, start + .milliseconds(done + place))
            bytes &+= signed.headers["Authorization"]?.utf8.count ?? signed.query?.utf8.count ?? 0
        }
        spent += cpu() - before
        done += plain.count
    }
    // The count keeps the optimiser from dropping what nobody looks at.
    precondition(bytes > 0)
    let each = (spent / Double(requests) * 100).rounded() / 100
    print("\(name): \(each) µs CPU a request (\(requests) requests)")
}

let four = V4Signer(region: "cn-hangzhou")
let one = V1Signer()
measure("V4 header ") { four.sign($0, resource: resource, credentials: credentials, now: $1) }
measure("V4 presign") { request, now in
    guard let signed = try? four.presign(request, resource: resource, credentials: credentials, now: now, expires: 900) else {
        preconditionFailure("900 s are a life that every URL may have")
    }
    return signed
}
measure("V1 header ") { one.sign($0, resource: resource, credentials: credentials, now: $1) }
