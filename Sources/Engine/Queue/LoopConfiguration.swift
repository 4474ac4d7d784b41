import OSSProtocol
import Platform
import TransferCore

/// What the configuration says of `[engine]`, while the engine runs. A number that a person has set with a limit stands before it.
extension EngineLoop {
    public func adopt(_ new: EngineSettings) async {
        let zone = new.rateScheduleZone.flatMap(ZoneFile.named) ?? settings.localZone
        var next = settings
        next.rate = new.rateLimit
        next.rateSchedule = RateSchedule(new.rateSchedule, zone: zone)
        next.keepCancelled = new.keepCancelled
        next.keepHistory = new.keepHistory
        next.uploads = new.uploads.number ?? EngineSettings.usualUploads
        next.uploadsAuto = new.uploads == .auto
        next.parts = new.parts.number ?? min(ConcurrencyController.usualStart, new.mostParts)
        next.partsAuto = new.parts == .auto
        next.mostParts = new.mostParts
        guard next != settings else { return }
        let (old, before) = (settings, limitsNow)
        settings = next
        queueMachine.keepCancelled = next.keepCancelled
        if old.mostParts != next.mostParts { tuning = Tuning(next) }
        if (old.uploads, old.uploadsAuto, old.parts, old.partsAuto, old.mostParts) != (next.uploads, next.uploadsAuto, next.parts, next.partsAuto, next.mostParts) {
            await takeSlots(next)
        }
        standRate(clocks.wall())
        setRateLimit(limitsNow.rate)
        if before != limitsNow { etaChanged(from: before.rate) }
        changed()
        schedule()
    }

    private func takeSlots(_ next: QueueSettings) async {
        let given = Limits(rate: limitsNow.rate, uploads: next.uploads, parts: next.parts, uploadsAuto: next.uploadsAuto, partsAuto: next.partsAuto)
        // What cannot be read stays as it is until the next start.
        guard let limits = try? await store.read({ db in try QueueStore.slots(db, else: given, next) }), settings == next else { return }
        let wasAuto = limitsNow.partsAuto
        (limitsNow.uploads, limitsNow.uploadsAuto, limitsNow.partsAuto) = (limits.uploads, limits.uploadsAuto, limits.partsAuto)
        if limits.partsAuto, !wasAuto { tuning.begin(at: ConcurrencyController.usualStart) }
        limitsNow.parts = limits.partsAuto ? tuning.controller.parts : limits.parts
        queueMachine.slots = limitsNow.uploads
    }
}
