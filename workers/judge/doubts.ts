import { restsOnSpeech } from './evidence.ts'
import { findSpokenOrders } from './spoken-orders.ts'

/**
 * Why a person should look before trusting a verdict. Nothing here changes the verdict: a patched score would be a third opinion that
 * nobody gave.
 */
export function findDoubts(
  verdict: { reason: string; score: number; evidence: readonly string[] },
  transcript: string,
): string[] {
  const doubts: string[] = []
  const words = transcript.split(/\s+/).length
  if (verdict.score >= 95 && words < 40) doubts.push(`a score of ${verdict.score} from ${words} words`)
  if (!restsOnSpeech(verdict, transcript, (span) => findSpokenOrders(span).length > 0))
    doubts.push('the reason quotes nothing that was said')
  for (const sign of findSpokenOrders(transcript)) doubts.push(`the call ${sign}`)
  return doubts
}
