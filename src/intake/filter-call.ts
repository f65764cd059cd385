import type { PortalSettings } from '../db/schema.ts'

export interface CallSigns {
  readonly direction: 'in' | 'out' | null
  /** Bitrix24's CALL_TYPE: 1 out, 2 in, 3 redirected in, 4 callback, 5 info call. */
  readonly callType: number | null
  readonly durationSeconds: number | null
  readonly failedCode: string | null
  readonly line: string | null
  readonly userId: string | null
}

/** Why a call is not worth a transcription by the portal's settings, in a word that is shown; null = take it in. */
export function filterCall(call: CallSigns, settings: PortalSettings, defaults: { minSeconds: number }): string | null {
  if (call.failedCode !== null && call.failedCode !== '200') return 'no_conversation'
  if (call.durationSeconds === 0) return 'no_conversation'
  if (call.callType === 5) return 'info_call'
  const minSeconds = settings.minSeconds ?? defaults.minSeconds
  if (call.durationSeconds !== null && call.durationSeconds < minSeconds) return 'too_short'
  const { directions, users, lines } = settings
  if (directions !== undefined && call.direction !== null && !directions.includes(call.direction))
    return 'direction_filtered'
  if (users !== undefined && call.userId !== null && !users.includes(call.userId)) return 'user_filtered'
  if (lines !== undefined && call.line !== null && !lines.includes(call.line)) return 'line_filtered'
  return null
}

/** CALL_TYPE 1 and 4 go out; 2 and 3 come in. */
export function directionOf(callType: number | null): 'in' | 'out' | null {
  if (callType === 1 || callType === 4) return 'out'
  return callType === 2 || callType === 3 ? 'in' : null
}

/** Keeps a phone number's last four digits, enough to know it again and too little to dial. */
export function maskPhone(phone: string): string {
  return phone.length <= 4 ? phone : `…${phone.slice(-4)}`
}
