import Contracts

/// A line editor whose text is never shown: no print, no dump, no screen has it.
struct HiddenField: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private var field = TextField()

    /// Characters.
    var count: Int { field.characters.count }
    var isEmpty: Bool { field.isEmpty }
    mutating func on(_ key: Key) -> Bool { field.on(key) }
    mutating func insert(_ text: String) { field.insert(text) }
    /// For the one who stores it.
    func reveal() -> String { field.text }

    var description: String { "<redacted>" }
    var debugDescription: String { description }
    var customMirror: Swift.Mirror { Swift.Mirror(self, children: []) }
}

/// A remote with its credentials, being added or changed.
struct ProfileForm: Sendable, Equatable {
    enum Editor: Sendable, Equatable {
        case text
        /// Goes into a file of its own that only the user can read.
        case hidden
        case choice([String])
    }

    /// One line of the form.
    struct Field: Sendable, Equatable {
        /// Below `[remote.NAME]`, with dots: `credentials.url`. `name` is the remote's own.
        var key: String
        var label: String
        var editor: Editor
        var note: String
    }

    static let kinds = ["static", "broker", "signed-url", "env", "profile", "assume-role", "ecs-role", "oidc", "uri", "process", "anonymous"]
    private static let sources = ["env", "static", "profile", "ecs-role"]

    var isNew: Bool
    private(set) var texts: [String: TextField] = [:]
    private(set) var hidden: [String: HiddenField] = [:]
    /// As the configuration has it.
    let original: [String: String]
    /// Place of the focus in `fields`.
    var focus = 0
    var problem: String?
    /// Sent, and not answered yet.
    var isAsking = false
    let shownAt: Int64

    init(new: Bool, values: [String: String] = [:], shownAt: Int64) {
        (isNew, original, self.shownAt) = (new, values, shownAt)
        texts = values.mapValues { TextField($0) }
        if new { texts = ["credentials.kind": TextField("static"), "existing": TextField("overwrite"), "credentials.source.kind": TextField("env")] }
    }

    /// The form of a remote as the engine's configuration has it.
    static func of(_ name: String, _ settings: SettingsView, shownAt: Int64) -> ProfileForm {
        var values = ["name": name]
        for entry in settings.values ?? [] where entry.path.count > 2 && entry.path[0] == "remote" && entry.path[1] == name {
            let key = entry.path.dropFirst(2).joined(separator: ".")
            switch entry.value {
            case .text(let text)?: values[key] = text
            case .number(let number)?: values[key] = String(number)
            case .list(let words)?: values[key] = words.joined(separator: " ")
            case nil: break
            }
        }
        return ProfileForm(new: false, values: values, shownAt: shownAt)
    }

    var name: String { text("name") }
    var kind: String { text("credentials.kind") }

    func text(_ key: String) -> String { texts[key]?.text ?? "" }

    // MARK: what is asked

    var fields: [Field] {
        var fields = isNew ? [Field(key: "name", label: "name", editor: .text, note: "for NAME:path, letters, digits, -")] : []
        fields.append(Field(key: "credentials.kind", label: "kind", editor: .choice(Self.kinds), note: Self.meaning(kind)))
        fields += credentials("credentials.", kind)
        if kind == "assume-role" {
            let source = text("credentials.source.kind")
            fields.append(Field(key: "credentials.source.kind", label: "with", editor: .choice(Self.sources), note: Self.meaning(source)))
            fields += credentials("credentials.source.", source)
        }
        let saysPlace = kind == "broker" || kind == "signed-url"
        return fields + [
            Field(key: "bucket", label: "bucket", editor: .text, note: saysPlace ? "empty: the server says it" : ""),
            Field(key: "region", label: "region", editor: .text, note: saysPlace ? "empty: the server says it" : "cn-hangzhou"),
            Field(key: "endpoint", label: "endpoint", editor: .text, note: "public, internal, https://HOST"),
            Field(key: "prefix", label: "prefix", editor: .text, note: "put in front of every name"),
            Field(key: "existing", label: "existing", editor: .choice(["overwrite", "skip", "newer", "fail", "rename"]), note: "objects already there"),
        ]
    }

    private func credentials(_ prefix: String, _ kind: String) -> [Field] {
        let text = { (key: String, label: String, note: String) in Field(key: prefix + key, label: label, editor: .text, note: note) }
        let hidden = { (key: String, label: String) in
            Field(key: prefix + key, label: label, editor: .hidden, note: original[prefix + key] == nil ? "kept in a file of yours, 0600" : "empty keeps it")
        }
        switch kind {
        case "static":
            return [
                text("access-key-id", "key id", "LTAI…"), hidden("access-key-secret-file", "secret"), hidden("security-token-file", "token"),
            ]
        case "broker", "signed-url": return [text("url", "server", "https://auth.example.com"), hidden("token-file", "token")]
        case "profile": return [text("file", "file", "empty: the usual ones"), text("name", "profile", "empty: default")]
        case "assume-role":
            return [text("role-arn", "role", "acs:ram::ACCOUNT:role/NAME"), text("external-id", "external id", ""), text("sts-endpoint", "sts", "empty: the region's")]
        case "ecs-role": return [text("role", "role", "empty: the instance's own")]
        case "oidc":
            return [
                text("role-arn", "role", "acs:ram::ACCOUNT:role/NAME"), text("provider-arn", "provider", "acs:ram::ACCOUNT:oidc-provider/NAME"),
                text("id-token-file", "token file", "/run/secrets/token"),
            ]
        case "uri": return [text("url", "address", isNew ? "http://127.0.0.1:9001/…" : "empty keeps it")]
        case "process": return [text("command", "command", isNew ? "PROGRAM ARGUMENTS" : "empty keeps it"), text("timeout", "timeout", "15s")]
        default: return []
        }
    }

    static func meaning(_ kind: String) -> String {
        switch kind {
        case "static": "an access key"
        case "broker": "an authorization server gives them"
        case "signed-url": "a server signs each request"
        case "env": "OSS_… variables of the order"
        case "profile": "of ossutil or aliyun"
        case "assume-role": "a role by STS"
        case "ecs-role": "the role of this instance"
        case "oidc": "an identity token by STS"
        case "uri": "a credentials URI"
        case "process": "a command prints them"
        case "anonymous": "none, requests go unsigned"
        default: ""
        }
    }

    // MARK: editing

    mutating func type(_ key: Key) -> Bool {
        guard fields.indices.contains(focus) else { return false }
        let field = fields[focus]
        problem = nil
        switch field.editor {
        case .text: return texts[field.key, default: TextField()].on(key)
        case .hidden: return hidden[field.key, default: HiddenField()].on(key)
        case .choice(let choices):
            guard let step = key == .right || key == .character(" ") ? 1 : key == .left ? -1 : nil else { return false }
            let place = choices.firstIndex(of: text(field.key)) ?? 0
            texts[field.key] = TextField(choices[(place + step + choices.count) % choices.count])
            return true
        }
    }

    mutating func paste(_ text: String) {
        guard fields.indices.contains(focus) else { return }
        let field = fields[focus]
        // What is copied often ends with a line end, which is part of no value here.
        var text = Substring(text)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        switch field.editor {
        case .text: texts[field.key, default: TextField()].insert(String(text))
        case .hidden: hidden[field.key, default: HiddenField()].insert(String(text))
        case .choice: break
        }
    }

    // MARK: sending

    /// What the engine is to write, and nothing that stands there already.
    /// - Returns: `nil` when nothing is different.
    func change(by user: String?) -> ConfigurationChange? {
        var change = ConfigurationChange(isNew: isNew ? true : nil, by: user)
        let root = ["remote", name]
        // Keys of another kind would be errors: the old table goes as a whole.
        let old = original["credentials.kind"]
        let isOtherKind = old != nil && (old != kind || original["credentials.source.kind"] != (kind == "assume-role" ? text("credentials.source.kind") : nil))
        if isOtherKind { change.remove = [root + ["credentials"]] }
        for field in fields where field.key != "name" {
            let path = root + field.key.split(separator: ".").map(String.init)
            if case .hidden = field.editor {
                guard let typed = hidden[field.key], !typed.isEmpty else { continue }
                change.secrets = (change.secrets ?? []) + [ConfigurationSecret(path, secret: typed.reveal())]
                continue
            }
            let text = self.text(field.key)
            let stands = isOtherKind && field.key.hasPrefix("credentials.") ? nil : original[field.key]
            guard text != stands ?? "" else { continue }
            change.set.append(ConfigurationEntry(path, text.isEmpty ? nil : value(field.key, text)))
        }
        return change.set.isEmpty && change.secrets == nil && change.remove == nil ? nil : change
    }

    private func value(_ key: String, _ text: String) -> ConfigurationValue {
        key.hasSuffix(".command") ? .list(text.split(separator: " ").map(String.init)) : .text(text)
    }
}
