import CCurl
import CPosix
import Glibc
import Platform

/// Watches the sockets and the timer of one multi handle for libcurl, so that what one socket tells costs nothing for the others:
/// `curl_multi_perform` and `curl_multi_poll` look at every request each time.
///
/// Belongs to the loop's thread, except `wake`.
final class SocketWatch {
    private struct Socket {
        /// What libcurl wants to hear of: `CURL_CSELECT_IN`, `CURL_CSELECT_OUT`.
        var wanted: Int32 = 0
        /// What the kernel tells.
        var watched: Int32 = 0
    }

    private let multi: UnsafeMutableRawPointer
    private let set: Int32
    private let waker: Int32
    private var watched: [Int32: Socket] = [:]
    /// When libcurl's timer runs out.
    private var due: UInt64?
    private var descriptors = [Int32](repeating: -1, count: SocketWatch.most)
    private var happened = [Int32](repeating: 0, count: SocketWatch.most)
    /// Whether a socket is one of those whose closing is told, see `forget`.
    var isTold: (Int32) -> Bool = { _ in false }

    private static let most = 64
    private static let error: Int32 = 4

    /// - Returns: `nil` where the system gives no descriptors.
    init?(_ multi: UnsafeMutableRawPointer) {
        self.multi = multi
        set = dposix_watch_open()
        waker = dposix_waker_open()
        guard set >= 0, waker >= 0, dposix_watch(set, waker, CURL_CSELECT_IN, 0) == 0 else {
            if set >= 0 { close(set) }
            if waker >= 0 { close(waker) }
            return nil
        }
        let pointer = Unmanaged.passUnretained(self).toOpaque()
        _ = dcurl_multi_set_watcher(
            multi,
            { _, socket, what, context, _ in
                if let context { Unmanaged<SocketWatch>.fromOpaque(context).takeUnretainedValue().want(socket, what) }
                return 0
            }, pointer)
        _ = dcurl_multi_set_timer(
            multi,
            { _, milliseconds, context in
                if let context { Unmanaged<SocketWatch>.fromOpaque(context).takeUnretainedValue().setTimer(milliseconds) }
                return 0
            }, pointer)
    }

    deinit {
        close(set)
        close(waker)
    }

    /// Ends a wait, or the next one; from any thread.
    func wake() { dposix_wake(waker) }

    /// That socket is about to be closed: the kernel stops telling of it by itself, and its number is soon another's.
    func forget(_ socket: Int32) { watched[socket] = nil }

    /// Lets libcurl do what its timer is for; new requests begin so.
    func actOnTimer() {
        // Once for all that is due now; what comes due meanwhile has its turn after the others.
        guard let due, due <= SystemClock.monotonicNanoseconds() else { return }
        self.due = nil
        var running: Int32 = 0
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running)
    }

    /// Waits until a socket tells something, the timer runs out or somebody wakes it, then lets libcurl act on what was told.
    ///
    /// - Parameter longest: nanoseconds.
    func wait(atMost longest: UInt64) {
        var wait = longest
        if let due {
            let now = SystemClock.monotonicNanoseconds()
            wait = min(wait, due - min(now, due))
        }
        let milliseconds = Int32(min((wait + 999_999) / 1_000_000, 60_000))
        let count = dposix_watch_wait(set, &descriptors, &happened, Int32(SocketWatch.most), milliseconds)
        for index in 0..<Int(max(count, 0)) { act(descriptors[index], happened[index]) }
    }

    private func act(_ socket: Int32, _ happened: Int32) {
        guard socket != waker else { return dposix_woken(waker) }
        // One that was told of before may have closed it meanwhile.
        guard let wanted = watched[socket]?.wanted else { return }
        // An unused connection that the server has closed: libcurl finds out when it wants to use it.
        guard wanted != 0 else { return watch(socket, 0) }
        // As libcurl itself understands what poll says of a socket.
        var bits: Int32 = 0
        let isBroken = happened & SocketWatch.error != 0
        if wanted & CURL_CSELECT_IN != 0, isBroken || happened & CURL_CSELECT_IN != 0 { bits |= CURL_CSELECT_IN }
        if wanted & CURL_CSELECT_OUT != 0, happened & CURL_CSELECT_OUT != 0 { bits |= CURL_CSELECT_OUT }
        if wanted & CURL_CSELECT_OUT != 0, isBroken { bits |= CURL_CSELECT_ERR }
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, bits, &running)
    }

    private func setTimer(_ milliseconds: Int) {
        due = milliseconds < 0 ? nil : SystemClock.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
    }

    private func want(_ socket: Int32, _ what: Int32) {
        let wanted: Int32 =
            switch what {
            case CURL_POLL_IN: CURL_CSELECT_IN
            case CURL_POLL_OUT: CURL_CSELECT_OUT
            case CURL_POLL_INOUT: CURL_CSELECT_IN | CURL_CSELECT_OUT
            default: 0
            }
        let before = watched[socket] ?? Socket()
        watched[socket, default: Socket()].wanted = wanted
        // A connection that waits for its next request tells nothing: to leave it watched saves two calls a request.
        let mayStay = wanted == 0 && before.watched == CURL_CSELECT_IN && isTold(socket)
        if wanted != before.watched, !mayStay { watch(socket, wanted) }
        if wanted == 0, !mayStay { watched[socket] = nil }
    }

    private func watch(_ socket: Int32, _ events: Int32) {
        let isWatched = (watched[socket]?.watched ?? 0) != 0
        guard isWatched || events != 0 else { return }
        let failure = dposix_watch(set, socket, events, isWatched ? 1 : 0)
        watched[socket]?.watched = failure == 0 ? events : 0
    }
}
