import Contracts

/// One who waits for a job's end: woken when it may have come.
struct JobWait {
    var job: Int64
    var bell: AsyncStream<Void>.Continuation
}

/// Front ends that wait for a job hear of its end when it comes, instead of asking again and again.
extension EngineLoop {
    /// - Parameter patience: the answer comes when the job is over, or after so long as it is then.
    public func job(_ id: String, withUploads: Bool, endingWithin patience: Duration) async -> JobView? {
        guard patience > .zero, let row = JobID.row(id) else { return await job(id, withUploads: withUploads) }
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        nextReader += 1
        let number = nextReader
        // Listening begins before the first look, so that no end falls between the two.
        jobWaits[number] = JobWait(job: row, bell: bell)
        defer { jobWaits[number] = nil }
        let clock = Task {
            try? await Task.sleep(for: patience)
            bell.finish()
        }
        defer { clock.cancel() }
        var view = await job(id, withUploads: withUploads)
        if view?.isOver ?? true { return view }
        for await _ in rings {
            view = await job(id, withUploads: withUploads)
            if view?.isOver ?? true { return view }
        }
        return await job(id, withUploads: withUploads)
    }

    /// An upload of the job has ended; while others of it run, that was not the last.
    func ringJob(_ job: Int64) {
        guard !jobWaits.isEmpty, !runs.values.contains(where: { $0.row.job == job }) else { return }
        for wait in jobWaits.values where wait.job == job { wait.bell.yield() }
    }

    /// Something has changed that may be the end of any job.
    func ringJobs() {
        for wait in jobWaits.values { wait.bell.yield() }
    }

    /// The engine stops: whoever waits is told how it stands.
    func endJobWaits() {
        for wait in jobWaits.values { wait.bell.finish() }
    }
}
