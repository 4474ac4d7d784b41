/// What a history of a lease may meet.
extension LeaseSimulation {
    /// Each must happen somewhere, else the simulation shows nothing about it.
    enum Happening: Int, CaseIterable {
        case usedAtOnce, waited, woken, toldUnavailable, toldRefused, cancelledWaiting, flightWithoutCallers
        case landed, failed, refusedBySource, slowAnswer, leaseEndedWhileAsked, sameTokenAgain, refusedTokenAgain, repeatedFlight
        case revoked, reported, reportedDuringFlight, reportedLate, sourceWasTold
        case serverForward, serverBack, machineForward, machineBack, clockLearned, endMovedNearer, endMovedAway, guessedEnd, usedOnTrust
        case restarted, restartedInFlight, cacheUsed, cacheOver, cacheRefused, cacheOfAnother
        case renewed, renewalFailed
    }

    enum Source: Int, CaseIterable {
        /// Another token each time.
        case fresh
        /// Keeps its token until three tenths of it are left, and lets go of one that OSS refused.
        case keeping
        /// Gives the same token until it is dead, whatever it is told.
        case deaf
        /// A key without an end.
        case key
    }

    /// What this history may meet; drawn from the seed.
    struct World {
        var source: Source
        /// Milliseconds.
        var life: Int64
        var tellsTime: Bool
        var hasBoot: Bool
        /// Chances of 100.
        var failures: Int
        var slowness: Int
        var needs: [Duration]
    }
}
