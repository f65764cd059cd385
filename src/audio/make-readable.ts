import { Permanent } from '../errors.ts'
import { recodeToWav } from './ffmpeg.ts'

/** The file as it is where it can be read here, else as ffmpeg made it a WAV. */
export interface Readable {
  readonly path: string
  readonly recoded: boolean
}

/**
 * Tries `work` with the file, and where that says `needs_ffmpeg`, with what ffmpeg makes of it. Where there is no ffmpeg, the failure
 * stands, with its mend.
 */
export async function withReadable<Value>(
  path: string,
  deps: {
    readonly ffmpeg: string | null
    readonly maxSeconds: number
    readonly signal: AbortSignal
    /** A path for the WAV, not there yet. */
    readonly wavPath: () => Promise<string>
  },
  work: (file: Readable) => Promise<Value>,
): Promise<Value> {
  try {
    return await work({ path, recoded: false })
  } catch (error) {
    if (!(error instanceof Permanent) || error.class !== 'needs_ffmpeg' || deps.ffmpeg === null) throw error
    const wav = await deps.wavPath()
    await recodeToWav(deps.ffmpeg, path, wav, deps)
    return await work({ path: wav, recoded: true })
  }
}
