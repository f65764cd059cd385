/** The shapes of the recogniser and of the recordings, and their loading on first use (decoding tables cost time at start). */
export interface Recognised {
  readonly text: string
  readonly language: string
  readonly durationSeconds: number
  readonly segments: readonly { start: number; end: number; text: string; speaker?: 'agent' | 'customer' }[]
}

export interface Recogniser {
  /** Works from the sound alone; `null` = this is no sound it can recognise. */
  recognise(audio: Buffer): Promise<Recognised | null>
}

export interface Recording {
  readonly id: string
  readonly file: string
  readonly language: 'ru' | 'en'
  readonly channels: number
  readonly durationSeconds: number
  readonly direction: 'in' | 'out'
  readonly phone: string
  bytes(): Promise<Buffer>
  readonly words: string
  readonly title: string
}

/** Loads each part once, when it is first needed. */
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
