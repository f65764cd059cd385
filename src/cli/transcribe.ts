import { writeFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { exitCodes } from './exit-codes.ts'
import { followCall } from './follow-call.ts'
import { withOperations } from './operations.ts'
import { readSettings, withExamples } from './options.ts'
import { concurrencyOf } from './service.ts'
import { listenForStop } from './stopping.ts'
import type { Terminal } from './terminal.ts'
import { transcriptAs, transcriptFormats } from './transcript-formats.ts'

interface TranscribeOptions {
  readonly format: (typeof transcriptFormats)[number]
  readonly out?: string
  readonly language?: string
  readonly stereo?: 'split' | 'mix'
  readonly portal?: string
}

const Submitted = z.object({ callId: z.string(), outcome: z.enum(['accepted', 'duplicate']) })
const Heard = z.object({ heardSeconds: z.number() }).nullable().catch(null)
function languageCode(text: string): string {
  if (/^([a-z]{2}|auto)$/.test(text)) return text
  throw new InvalidArgumentError('It must be two letters (ISO 639), such as ru or en, or auto.')
}

/** What was sent and paid for, by the price in the configuration. */
function costNote(config: Config, heardSeconds: number, heardBefore: boolean): string {
  const { speechMinuteMicros, currency } = config.prices
  const minutes = heardSeconds / 60
  const money =
    speechMinuteMicros === 0 ? '' : `, ${((minutes * speechMinuteMicros) / 1_000_000).toFixed(2)} ${currency}`
  return heardBefore
    ? `It was known already: what had been heard of it was not paid again (${minutes.toFixed(1)} min${money} in all).`
    : `Sent for transcription: ${minutes.toFixed(1)} min${money}.`
}

export function addTranscribe(program: Command, terminal: Terminal): void {
  const command = program
    .command('transcribe')
    .summary('transcribe a recording on this machine: text, json, srt or vtt')
    .description(
      "Transcribes a recording by way of a portal's key, with its caps, gates and settings, and prints the transcript. Nothing is judged and nothing is written to the CRM.\nThe same file a second time costs nothing: what was heard is kept.",
    )
    .argument('<file>', 'a recording on this machine; `callsift plan FILE` tells what it will cost')
    .addOption(new Option('--format <kind>', 'of the transcript').choices([...transcriptFormats]).default('text'))
    .option('-o, --out <file>', 'write it there')
    .option('--language <code>', 'spoken in it: two letters (ISO 639) or auto; the portal says otherwise', languageCode)
    .addOption(new Option('--stereo <way>', 'two voices as two tracks, or mixed').choices(['split', 'mix']))
    .option('--portal <id>', 'by the key of this portal; needed where there are several')
  withExamples(command, [
    'callsift transcribe call.mp3',
    'callsift transcribe long-call.wav --format srt -o call.srt',
    'callsift transcribe call.wav --language en --stereo mix',
  ])
  command.action(async (file: string, options: TranscribeOptions) => {
    const { config, log } = readSettings(command, true)
    const stopping = listenForStop()
    const stop = new AbortController()
    void stopping.asked.then(() => stop.abort())
    try {
      await withOperations(config, log, async (operations) => {
        const { portal: portalId, language, stereo } = options
        const given = Object.entries({ portalId, language, stereo }).filter(([, value]) => value !== undefined)
        const fields = { transcriptOnly: 'true', ...Object.fromEntries(given) }
        const { callId, outcome } = await operations.submitFile(file, fields, Submitted)
        // Nobody else owns this embedded record, so nobody else would do the work.
        if (operations.app !== null && !config.hasDatabase) {
          await operations.app.start()
          await operations.app.engine.work({ concurrency: concurrencyOf(config) })
        }
        const shown = await followCall(terminal, operations, callId, stop.signal)
        if (shown === null) {
          terminal.note(
            `No longer watching. The same command goes on later, or look with: callsift call show ${callId}`,
          )
          process.exitCode = exitCodes.tryLater
          return
        }
        const { merged } = shown.transcript
        for (const { class: name, title } of shown.flags) terminal.note(`${name}: ${title}.`)
        if (merged === null) {
          const { answer } = shown
          terminal.note(answer.sentence)
          if (answer.mend !== null) terminal.note(`  ${answer.mend}`)
          process.exitCode = exitCodes.failed
          return
        }
        terminal.note(costNote(config, Heard.parse(shown.plan)?.heardSeconds ?? 0, outcome === 'duplicate'))
        if (merged.timesEstimated) terminal.note('The upstream gave no times; they are estimated.')
        const text = transcriptAs(options.format, merged)
        if (options.out === undefined) terminal.line(text)
        else {
          await writeFile(options.out, `${text}\n`)
          terminal.note(`The transcript is in ${options.out}.`)
        }
      })
    } finally {
      stopping.release()
    }
  })
}
