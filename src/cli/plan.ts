import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Command, Option } from 'commander'
import { inAudioThread } from '../audio/audio-thread.ts'
import type { Tasks } from '../audio/audio-worker.ts'
import { clock, drawPlan } from '../audio/draw-plan.ts'
import { findFfmpeg } from '../audio/ffmpeg.ts'
import { withReadable } from '../audio/make-readable.ts'
import { defaultPlanOptions } from '../audio/plan.ts'
import { DEFAULT_PROBE_LIMITS } from '../audio/probe-limits.ts'
import { lengthOf } from '../audio/spans.ts'
import type { Config } from '../config.ts'
import { Permanent, UsageError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import { readSettings, withExamples } from './options.ts'
import { printTable } from './table.ts'
import type { Terminal } from './terminal.ts'

interface PlanVerbOptions {
  readonly stereo?: 'split' | 'mix'
  readonly agent: 'left' | 'right'
  readonly svg?: string
  readonly json?: boolean
}

export function addPlan(program: Command, terminal: Terminal): void {
  const command = program
    .command('plan')
    .summary('show how a recording would be cut and what its transcription would cost; sends nothing')
    .description(
      'Measures a recording on this machine and shows the parts in which it would be transcribed. Nothing is sent and nothing is stored.',
    )
    .argument('<file>', 'a recording on this machine')
    .addOption(new Option('--stereo <way>', 'two voices as two tracks, or mixed').choices(['split', 'mix']))
    .addOption(
      new Option('--agent <side>', 'on which channel our side speaks').choices(['left', 'right']).default('left'),
    )
    .option('--svg <file>', 'write a picture of the waveform with the cuts')
    .option('--json', 'answer as JSON')
  withExamples(command, ['callsift plan call.mp3', 'callsift plan long-call.wav --svg plan.svg --stereo mix'])
  command.action(async (file: string, options: PlanVerbOptions) => {
    const { config } = readSettings(command, true)
    const planned = await planFile(config, file, options)
    if (planned === null) {
      process.exitCode = exitCodes.failed
      return
    }
    const { measured, plan } = planned
    if (options.svg !== undefined) {
      await writeFile(options.svg, drawPlan(measured, plan, basename(file)))
      terminal.note(`The picture is in ${options.svg}.`)
    }
    if (options.json === true) return terminal.json({ ...measured, peaks: undefined, ...plan })
    printPlan(terminal, config, planned)
  })

  async function planFile(
    config: Config,
    file: string,
    options: PlanVerbOptions,
  ): Promise<Tasks['plan']['result'] | null> {
    const folder = await mkdtemp(join(tmpdir(), 'callsift-plan-'))
    const stop = new AbortController()
    const planOptions = {
      ...defaultPlanOptions,
      stereo: options.stereo ?? config.stereo,
      maxPartBytes: config.maxPartBytes,
      agentChannel: options.agent === 'right' ? (1 as const) : (0 as const),
    }
    try {
      const ffmpeg = await findFfmpeg(config.ffmpeg.given, config.ffmpeg.searchPath)
      const { maxSeconds } = DEFAULT_PROBE_LIMITS
      const wavPath = async () => join(folder, 'recoded.wav')
      return await withReadable(file, { ffmpeg, maxSeconds, signal: stop.signal, wavPath }, ({ path }) =>
        inAudioThread({ name: 'plan', order: { path, options: planOptions } }),
      )
    } catch (error) {
      if (error instanceof Permanent) {
        terminal.line(`${error.class}: ${error.message}`)
        if (error.hint !== undefined) terminal.line(`  ${error.hint}`)
        return null
      }
      if (error instanceof Error && /ENOENT|EISDIR/.test(error.message))
        throw new UsageError(`There is no file ${file}.`, { hint: 'Give the path of a recording.' })
      throw error
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

function printPlan(terminal: Terminal, config: Config, { measured, plan }: Tasks['plan']['result']): void {
  const { durationSeconds, channels, codec, sampleRate, speechRatio } = measured
  terminal.line(
    `${codec}, ${sampleRate} Hz, ${channels === 1 ? 'mono' : `${channels} channels`}, ${clock(durationSeconds)}, speech ${Math.round(speechRatio * 100)} %${measured.truncated ? ', CUT OFF before its end' : ''}`,
  )
  if (speechRatio === 0 || plan.parts.length === 0) {
    terminal.line('Nobody speaks in it: the call would end as no_speech, and nothing would be sent.')
    return
  }
  terminal.line()
  const rows = plan.parts.map((part) => [
    String(part.index + 1),
    part.speaker ?? (part.channel === null ? 'all' : `channel ${part.channel + 1}`),
    clock(part.spans[0]?.startSeconds ?? 0),
    clock(part.spans.at(-1)?.endSeconds ?? 0),
    clock(lengthOf(part.spans)),
    part.seam === 'start' ? '-' : part.seam === 'pause' ? 'in a pause' : `in speech, ${part.overlapSeconds} s twice`,
  ])
  printTable(terminal, ['PART', 'TRACK', 'FROM', 'TO', 'SENT', 'CUT'], rows)
  terminal.line()
  const minutes = plan.heardSeconds / 60
  const { speechMinuteMicros, currency } = config.prices
  const price =
    speechMinuteMicros === 0 ? '' : `, ${((minutes * speechMinuteMicros) / 1_000_000).toFixed(2)} ${currency}`
  const share = plan.heardSeconds / durationSeconds
  const twice = plan.parts.some((part) => part.channel !== null)
    ? ` (${share.toFixed(2)} times the call: a track for each voice)`
    : ''
  terminal.line(
    `Sent for transcription: ${minutes.toFixed(1)} min${twice}${price}; parts are ${plan.encoding === 'copy' ? 'copied as they are' : 'encoded anew as MP3'}.`,
  )
}
