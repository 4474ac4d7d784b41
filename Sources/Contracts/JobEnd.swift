extension JobView {
    /// Nothing more will become of it by itself: it is read to its end, and each of its uploads has ended.
    public var isOver: Bool {
        let ended = UploadState.allCases.filter(\.isEnded).reduce(0) { $0 + counts[$1.rawValue, default: 0] }
        return state != "scanning" && ended >= total
    }
}
