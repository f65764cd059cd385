import { spawn } from 'node:child_process'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Permanent } from '../errors.ts'
import { giveWay } from './give-way.ts'

/** A WAV of four hours at 16 kHz and two channels is 460 MB; what is larger is a bomb. */
const MAX_WAV_BYTES = 600_000_000
const MAX_CPU_SECONDS = 30
/** It gives way to others, so it may have to wait for its CPU time. */
const MAX_WALL_MS = 600_000
const MAX_SAID = 4_000

/** Where ffmpeg is: the path given, else the first of that name in PATH; null where there is none. */
export async function findFfmpeg(given: string | undefined, searchPath: string | undefined): Promise<string | null> {
  const places =
    given !== undefined ? [given] : (searchPath ?? '').split(delimiter).map((folder) => join(folder, 'ffmpeg'))
  for (const place of places) {
    try {
      await access(place, constants.X_OK)
      return place
    } catch {
      // Not here.
    }
  }
  return null
}

let running = 0
const waiting: (() => void)[] = []

/**
 * Makes a 16-bit WAV of the first sound in a file that nothing else here reads. The file comes by standard input and no other protocol is
 * allowed, so that a playlist dressed up as sound can name no other file; only the containers that such recordings come in are looked
 * for; CPU and wall time and the result's size are bounded; no shell. Throws `Permanent` `corrupt_audio` or `too_expensive`.
 */
export async function recodeToWav(
  ffmpeg: string,
  source: string,
  target: string,
  limits: { readonly maxSeconds: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  if (running >= Math.max(1, availableParallelism() - 1)) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    limits.signal?.throwIfAborted()
    await recode(ffmpeg, source, target, limits)
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

async function recode(
  ffmpeg: string,
  source: string,
  target: string,
  limits: { readonly maxSeconds: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const args = [
    ['-hide_banner', '-loglevel', 'error', '-timelimit', String(MAX_CPU_SECONDS)],
    ['-protocol_whitelist', 'pipe', '-format_whitelist', 'wav,amr,ogg,mov,matroska', '-i', 'pipe:0'],
    ['-map', '0:a:0', '-vn', '-sn', '-dn', '-map_metadata', '-1', '-t', String(limits.maxSeconds + 1)],
    ['-fs', String(MAX_WAV_BYTES), '-c:a', 'pcm_s16le', '-f', 'wav', 'pipe:1'],
  ].flat()
  const child = spawn(ffmpeg, args, { stdio: ['pipe', 'pipe', 'pipe'], env: {}, shell: false })
  if (child.pid !== undefined) giveWay(child.pid)
  const end = () => child.kill('SIGKILL')
  const wall = setTimeout(end, MAX_WALL_MS)
  limits.signal?.addEventListener('abort', end, { once: true })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said = `${said}${piece.toString()}`.slice(0, MAX_SAID)
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })
  try {
    // It may have heard enough before the file ends: then the rest of the file has no reader, and that is no failure.
    const feeding = pipeline(createReadStream(source), child.stdin).catch(() => undefined)
    const writing = pipeline(child.stdout, createWriteStream(target, { flags: 'wx', mode: 0o600 }))
    const [code] = await Promise.all([ended, feeding, writing])
    limits.signal?.throwIfAborted()
    if (code === 0) return
    throw code === null || /Exiting.*time limit|CPU time limit/i.test(said) ? tooExpensive() : corrupt(said)
  } finally {
    clearTimeout(wall)
    limits.signal?.removeEventListener('abort', end)
    end()
  }
}

function corrupt(said: string): Permanent {
  return new Permanent('corrupt_audio', {
    message: `ffmpeg cannot read the recording: ${said.trim().split('\n').at(-1) ?? 'it gave no reason'}`,
    hint: 'Listen to it in the portal; if it plays there, export it as MP3 and attach it again.',
    policy: 'manual',
  })
}

function tooExpensive(): Permanent {
  return new Permanent('too_expensive', {
    message: `Reading the recording took ffmpeg more than ${MAX_CPU_SECONDS} s of CPU or ${MAX_WALL_MS / 1000} s in all.`,
    hint: 'Convert it to MP3 or WAV at 8 to 16 kHz and attach it again.',
    policy: 'manual',
  })
}
