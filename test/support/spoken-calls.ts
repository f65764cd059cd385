import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeWavSamples, encodeWav, readWavLayout, wavDataBytes } from '../../src/audio/wav.ts'
import { randomOf, runFfmpeg } from './tone-calls.ts'

/** Where Debian's asterisk-core-sounds packages put people's voices, 8 kHz as the telephone has them. */
const promptsRoot = '/usr/share/asterisk/sounds'
const rate = 8000

const lines = {
  ru: [
    'Добрый день, компания Колос, меня зовут Анна.',
    'Здравствуйте, нам нужно пятьдесят рабочих мест.',
    'Подскажите, какой у вас бюджет и когда вы хотите начать?',
    'Бюджет триста тысяч рублей, начать хотим в этом месяце.',
    'Хорошо, я пришлю договор сегодня.',
  ],
  en: [
    'Good morning, Meridian Freight, this is Kate speaking.',
    'Hello, we are looking for a system for fifty users.',
    'What is your budget, and when would you like to start?',
    'Five hundred thousand, and we want to sign this month.',
    'Thank you, you will have the contract today.',
  ],
}

export interface SpokenCall {
  readonly path: string
  /** Seconds in which somebody speaks. */
  readonly spoken: readonly { readonly start: number; readonly end: number }[]
}

/** What disturbs a line; filters of ffmpeg, and what they add. */
export const disturbances = {
  none: 'anull',
  noise: 'anull[v];anoisesrc=c=pink:a=0.02:r=8000:seed=1[n];[v][n]amix=duration=first:normalize=0',
  clipping: 'volume=24dB',
  dtmf: 'anull[v];sine=f=770:r=8000:d=0.4[a];sine=f=1336:r=8000:d=0.4[b];[v][a][b]amix=inputs=3:duration=first:normalize=0',
  music:
    'anull[v];aevalsrc=0.03*(sin(262*2*PI*t)+sin(330*2*PI*t)+sin(392*2*PI*t)):s=8000[m];[v][m]amix=duration=first:normalize=0',
} as const

async function samplesOf(path: string): Promise<Int16Array> {
  const bytes = await readFile(path)
  const layout = readWavLayout(bytes)
  if (layout?.codec == null) throw new Error(`${path} is no plain WAV`)
  const { bytes: length } = wavDataBytes(layout, bytes.length)
  return decodeWavSamples(bytes.subarray(layout.dataOffset, layout.dataOffset + length), layout.codec)
}

/** Utterances one after another with pauses of 0.6 to 1.6 s between them, as long as is asked for. */
async function join8k(
  path: string,
  utterances: readonly Int16Array[],
  seconds: number,
  seed: number,
): Promise<SpokenCall> {
  const random = randomOf(seed)
  const samples = new Int16Array(Math.round(seconds * rate))
  const spoken: { start: number; end: number }[] = []
  for (let at = rate / 2, index = 0; ; index++) {
    const utterance = utterances[index % utterances.length] ?? new Int16Array(0)
    if (at + utterance.length > samples.length) break
    samples.set(utterance, at)
    spoken.push({ start: at / rate, end: (at + utterance.length) / rate })
    at += utterance.length + Math.round((0.6 + random()) * rate)
  }
  await writeFile(path, encodeWav(samples, rate))
  return { path, spoken }
}

/** A dialogue of two espeak-ng voices. */
export async function speakCall(folder: string, language: 'ru' | 'en', seconds: number): Promise<SpokenCall> {
  const utterances: Int16Array[] = []
  for (const [index, line] of lines[language].entries()) {
    const raw = join(folder, `${language}-${index}.raw.wav`)
    const child = spawn('espeak-ng', ['-v', `${language}${index % 2 === 0 ? '+f3' : '+m3'}`, '-w', raw, line])
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`espeak-ng ended with ${code}`)
    const telephone = join(folder, `${language}-${index}.wav`)
    await runFfmpeg(['-i', raw, '-ar', String(rate), '-ac', '1', '-c:a', 'pcm_s16le', telephone])
    utterances.push(await samplesOf(telephone))
  }
  return await join8k(join(folder, `${language}.wav`), utterances, seconds, 7)
}

/** A call of people's voices: telephone prompts of two seconds and more, where they are installed; null elsewhere. */
export async function promptCall(folder: string, seconds: number): Promise<SpokenCall | null> {
  const [voice] = (await readdir(promptsRoot).catch(() => [])).filter((name) => name.startsWith('ru'))
  if (voice === undefined) return null
  const names = (await readdir(join(promptsRoot, voice))).filter((name) => name.endsWith('.wav')).sort()
  const prompts = await Promise.all(names.map((name) => samplesOf(join(promptsRoot, voice, name))))
  const sentences = prompts.filter((samples) => samples.length > 2 * rate)
  return await join8k(join(folder, 'prompts.wav'), sentences, seconds, 8)
}
