/** Every wait of the client, in ms; tests run them at a tenth. */
export interface ClientDurations {
  readonly connectMs: number
  /** From sending to the last byte, for CRM, telephony and other short requests. */
  readonly requestMs: number
  /** A write: Bitrix24 ends a request after 60 s, and a doubt is dearer than a wait. */
  readonly writeMs: number
  readonly chatMs: number
  /** The upstream's own time-out comes at 15 minutes. */
  readonly transcribeMs: number
  readonly downloadMs: number
  /** The longest silence between two pieces of an answer's body. */
  readonly bodyIdleMs: number
  readonly quickRetryMinMs: number
  readonly quickRetryMaxMs: number
}

export const defaultDurations: ClientDurations = {
  connectMs: 10_000,
  requestMs: 40_000,
  writeMs: 30_000,
  chatMs: 180_000,
  transcribeMs: 16 * 60_000,
  downloadMs: 10 * 60_000,
  bodyIdleMs: 60_000,
  quickRetryMinMs: 300,
  quickRetryMaxMs: 2_000,
}
