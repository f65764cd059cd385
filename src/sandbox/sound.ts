import type { Recogniser } from './recogniser.ts'
import type { Recording } from './recordings.ts'

/** The recogniser and the recordings, each loaded once and when first needed: decoding tables cost time at start. */
export class Sound {
  #recogniser: Promise<Recogniser> | undefined
  #recordings: Promise<readonly Recording[]> | undefined

  recogniser(): Promise<Recogniser> {
    this.#recogniser ??= import('./recogniser.ts').then((module) => module.createRecogniser())
    return this.#recogniser
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
