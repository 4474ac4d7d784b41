import Contracts
import TerminalUI

/// JSON of the control API: what front ends ask of the engine, what the engine answers, and what a front end keeps for its next run.
@Sendable func fuzzControl(_ input: [UInt8]) {
    check(ActionRequest.self, input)
    check(LimitsChange.self, input)
    check(OrderOptions.self, input)
    checkOrder(input)
    // These hold credentials and so are not comparable; reading them must be safe all the same.
    _ = try? ContractJSON.decode(ListRequest.self, from: input)
    _ = try? ContractJSON.decode(PresignRequest.self, from: input)
    _ = try? ContractJSON.decode(OrphansRequest.self, from: input)
    _ = try? ContractJSON.decode(AuthTestRequest.self, from: input)

    check(StatusView.self, input)
    check(UploadView.self, input)
    check(JobView.self, input)
    check(ListResult.self, input)
    check(ActionResult.self, input)
    check(SettingsView.self, input)
    check(AuthStatus.self, input)
    check(ErrorBody.self, input)
    // A file of the front end's own, so its keys are written as the properties are called.
    _ = checkedRoundTrip(SavedView.self, input, AuthorizationJSON.decode, AuthorizationJSON.encode)
}

private func check<Value: Codable & Equatable & Sendable>(_ type: Value.Type, _ input: [UInt8]) {
    _ = checkedRoundTrip(type, input, ContractJSON.decode, ContractJSON.encode)
}

private func checkOrder(_ input: [UInt8]) {
    guard let order = try? ContractJSON.decode(JobOrder.self, from: input) else { return }
    guard let bytes = try? ContractJSON.encode(order), let again = try? ContractJSON.decode(JobOrder.self, from: bytes) else {
        return require(false, "an order that was read can be written and read")
    }
    require((try? ContractJSON.encode(again)) == bytes, "an order that was written reads the same")
    for secret in [order.credentials?.accessKeySecret, order.credentials?.securityToken] {
        requireHidden(secret, in: "\(order.credentials as Any) \(String(reflecting: order.credentials))", "an order's description")
    }
}
