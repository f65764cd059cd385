import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBinary } from '../test/support/processes.ts'
import { encodings, runFfmpeg, writeToneCall } from '../test/support/tone-calls.ts'
import { startNode } from './processes.ts'
import { note, type Row } from './report.ts'

interface Measured {
  readonly parts: number
  readonly planSeconds: number
  readonly seconds: number
  readonly wallSeconds: number
  readonly loopP99: number
  readonly maxRssMb: number
}

const script = fileURLToPath(new URL('audio-process.ts', import.meta.url))
/** User CPU of plan and cut, seconds. */
const goals: Record<string, number> = {
  'MP3 CBR': 2.5,
  'MP3 VBR without a header': 2.5,
  WAV: 1,
  'A-law WAV': 1,
  'Ogg Opus': 4.5,
  M4A: 2.5,
  'stereo MP3': 16,
}
const maxRssMb = 190
const maxLoopMs = 20

/** What decoding alone costs ffmpeg (native code), user CPU seconds. */
async function decodeByFfmpeg(path: string): Promise<number> {
  const child = spawn(findBinary('ffmpeg') ?? 'ffmpeg', ['-nostdin', '-benchmark', '-i', path, '-f', 'null', '-'])
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  child.stdout.resume()
  await once(child, 'close')
  return Number(/utime=([\d.]+)s/.exec(said)?.[1] ?? Number.NaN)
}

/** Recordings of `minutes` in every format: measured, planned and all parts cut, in a process of its own each. */
export async function measureAudio(minutes: number): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-bench-audio-'))
  const rows: Row[] = []
  try {
    const mono = await writeToneCall({ path: join(folder, 'mono.wav'), seconds: minutes * 60 })
    const stereo = await writeToneCall({ path: join(folder, 'stereo.wav'), seconds: minutes * 60, channels: 2 })
    for (const name of Object.keys(goals)) {
      const { end, args } = name === 'stereo MP3' ? encodings['MP3 CBR'] : encodings[name as keyof typeof encodings]
      const [path, short] = [join(folder, `long.${end}`), join(folder, `short.${end}`)]
      const source = name === 'stereo MP3' ? stereo.path : mono.path
      await runFfmpeg(['-i', source, ...args, path])
      await runFfmpeg(['-i', source, '-t', '20', ...args, short])
      const measuring = startNode(script, [path, short])
      const measured = await measuring.answer<Measured>()
      await measuring.stop()
      const ceiling = await decodeByFfmpeg(path)
      note(
        `${name}: ${measured.parts} parts, plan ${measured.planSeconds.toFixed(2)} and all ${measured.seconds.toFixed(2)} s CPU, ${measured.wallSeconds.toFixed(1)} s, ${measured.maxRssMb.toFixed(0)} MB, loop p99 ${measured.loopP99.toFixed(1)} ms`,
      )
      const goal = (goals[name] ?? 0) * Math.max(1, minutes / 65)
      const row = (figure: string, value: number, unit: string, most: number, ratioTo: number | null = null): Row => ({
        figure: `audio, ${minutes} min ${name}: ${figure}`,
        value,
        unit,
        ceiling: ratioTo,
        promise: `≤ ${most}`,
        met: value <= most,
      })
      rows.push(row('plan and cut, user CPU', measured.seconds, 's', goal, ceiling))
      rows.push(row('largest memory', measured.maxRssMb, 'MB', maxRssMb))
      rows.push(row('event loop delay p99 meanwhile', measured.loopP99, 'ms', maxLoopMs))
    }
    return rows
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
