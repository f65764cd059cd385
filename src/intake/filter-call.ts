import type { PortalSettings } from '../db/portal-settings.ts'

export interface CallSigns {
  readonly direction: 'in' | 'out' | null
  /** Bitrix24's CALL_TYPE: 1 out, 2 in, 3 redirected in, 4 callback, 5 info call. */
  readonly callType: number | null
  readonly durationSeconds: number | null
  readonly failedCode: string | null
  readonly line: string | null
  readonly userId: string | null
}

/**
 * Why a call is not worth a transcription, in a word that is shown; null = take it in. The portal's settings go before the
 * program's. A list of directions, users or lines means these and no others: a call that does not say is not among them.
 */
export function filterCall(call: CallSigns, settings: PortalSettings, defaults: { minSeconds: number }): string | null {
  if (call.failedCode !== null && call.failedCode !== '200') return 'no_conversation'
  if (call.durationSeconds === 0) return 'no_conversation'
  // 5 = information call: a robot speaks.
  if (call.callType === 5) return 'information_call'
  const minSeconds = settings.minSeconds ?? defaults.minSeconds
  if (call.durationSeconds !== null && call.durationSeconds < minSeconds) return 'too_short'
  const { directions, users, lines } = settings
  if (directions !== undefined && (call.direction === null || !directions.includes(call.direction))) return 'direction'
  if (users !== undefined && (call.userId === null || !users.includes(call.userId))) return 'user'
  if (lines !== undefined && (call.line === null || !lines.includes(call.line))) return 'line'
  return null
}

/** CALL_TYPE 1 and 4 go out; 2 and 3 come in. */
export function directionOf(callType: number | null): 'in' | 'out' | null {
  if (callType === 1 || callType === 4) return 'out'
  return callType === 2 || callType === 3 ? 'in' : null
}
