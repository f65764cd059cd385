import type { Visitor } from '../auth.ts'
import type { Language } from './words/language.ts'

/** Who looks, how they want it, and what stands above every page. */
export interface View {
  readonly language: Language
  readonly visitor: Visitor
  readonly theme: 'auto' | 'light' | 'dark'
  readonly sandbox: boolean
  /** Path and query of this page. */
  readonly path: string
  readonly now: Date
  readonly timeZone: string
  readonly currency: string
  readonly badges: { readonly parked: number; readonly review: number }
  /** Where the changes stood when the page was made: what happens until a browser listens is told to it then. */
  readonly sequence: string
  /** Lets the player's own style sheet in. */
  readonly nonce: string
  /** What was just done, or why not. */
  readonly flash: { readonly good: boolean; readonly text: string } | null
}
