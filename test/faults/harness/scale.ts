/**
 * Waits that a person would sit through are run at a fifth unless `FAULT_SCALE` says otherwise (1 = the true durations). Rows whose promise
 * is about the true durations (F01, F02) say so and take no scale.
 */
export const faultScale = Number(process.env['FAULT_SCALE'] ?? '0.2')
if (!(faultScale > 0 && faultScale <= 1))
  throw new Error(`FAULT_SCALE is ${process.env['FAULT_SCALE']}: use a number above 0 and up to 1`)

/** A duration of the goal sheet, seconds, as ms of this run; never less than `atLeastMs`. */
export function scaled(seconds: number, atLeastMs = 0): number {
  return Math.max(atLeastMs, Math.round(seconds * 1_000 * faultScale))
}

/** The program's own durations, all at one scale, so that their proportions are those of production. */
export function scaledTimings(scale = faultScale) {
  const ms = (seconds: number) => Math.round(seconds * 1_000 * scale)
  return {
    heartbeatMs: ms(3),
    workerTtlMs: ms(10),
    sweepMs: ms(2),
    lostJobMs: ms(10),
    permitMs: ms(1),
    retryDelaysMs: [ms(2), ms(10), ms(60), ms(300), ms(1_800)],
    recordingLadderMs: [ms(15), ms(45), ms(120), ms(300), ms(900), ms(3_600)],
    doubtWaitMs: ms(65),
    gateProbeMs: ms(60),
    requestDeadlineMs: ms(40),
    writeDeadlineMs: ms(30),
    chatDeadlineMs: ms(180),
    stuckMs: ms(30),
  }
}
