/** What an integrator may set per portal; all optional, the program's defaults stand behind each. */
export interface PortalSettings {
  minSeconds?: number
  directions?: ('in' | 'out')[]
  users?: string[]
  lines?: string[]
  language?: string
  /** By telephone line (PORTAL_NUMBER), where it differs from the portal's. */
  lineLanguages?: Record<string, string>
  /** Stereo recordings: each voice by itself, or both at once. */
  stereo?: 'split' | 'mix'
  /** On which channel our side speaks; `caller` (when not set): whoever called is on the left. */
  agentChannel?: 'left' | 'right' | 'caller'
  /** Names and words of the trade that the recogniser should know; sent with every part. */
  glossary?: string
  chatModel?: string
  speechModel?: string
  prompt?: string
  /** What is done beside the entry of a call; all of it off until it is set. */
  verdictFields?: boolean
  attachDialogue?: boolean
  bindEntry?: boolean
  /** A bot of the portal that tells whoever is responsible of a hot lead. */
  hotLeadBot?: number
  /** Codes of the portal's automation triggers, by what the call was judged as. */
  verdictTriggers?: { high?: string; medium?: string; low?: string }
  /** Takes what the portal's own call processing heard, where it did, instead of paying for it again. */
  portalTranscript?: boolean
  /** IANA name, by which days and months of the caps turn and working hours are read; UTC unless told. */
  timeZone?: string
  /** Speech that may be paid for, minutes. */
  capDailyMinutes?: number
  capMonthlyMinutes?: number
  /** Money, in units of CALLSIFT_PRICE_CURRENCY. */
  capDailyCost?: number
  capMonthlyCost?: number
  /** A bot of this portal and the chat it tells alerts to. */
  alertBot?: { botId: number; dialogId: string }
  /** So long without an event is an alert; 0 = never. */
  alertNoEventHours?: number
  /** `Mon-Fri 9-18`: only these hours count as silence. */
  workingHours?: string
}
