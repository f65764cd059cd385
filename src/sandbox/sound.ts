import { createHash } from 'node:crypto'
import type { Recognised, Recogniser } from './recogniser.ts'
import type { Recording } from './recordings.ts'

const maxHeard = 500

/** The recogniser and the recordings, each loaded once and when first needed: decoding tables cost time at start. */
export class Sound {
  #recogniser: Promise<Recogniser> | undefined
  #recordings: Promise<readonly Recording[]> | undefined
  readonly #heard = new Map<string, Recognised | null>()

  recogniser(): Promise<Recogniser> {
    this.#recogniser ??= import('./recogniser.ts').then((module) => module.createRecogniser())
    return this.#recogniser
  }

  /** What is said in the file. The same bytes say the same: under load the hearing of them would be most of the sandbox's work. */
  async recognise(bytes: Buffer): Promise<Recognised | null> {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const known = this.#heard.get(sha256)
    if (known !== undefined) return known
    const heard = await (await this.recogniser()).recognise(bytes)
    if (this.#heard.size >= maxHeard) this.#heard.clear()
    this.#heard.set(sha256, heard)
    return heard
  }

  recordings(): Promise<readonly Recording[]> {
    this.#recordings ??= import('./recordings.ts').then((module) => module.loadRecordings())
    return this.#recordings
  }

  async recording(id: string): Promise<Recording> {
    const all = await this.recordings()
    const found = all.find((recording) => recording.id === id)
    if (!found) throw new Error(`the sandbox has no recording "${id}"; it has ${all.map((one) => one.id).join(', ')}`)
    return found
  }
}
