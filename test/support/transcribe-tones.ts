import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cutPart } from '../../src/audio/cut.ts'
import { mergeTranscript, type Transcript } from '../../src/audio/merge/merge-transcript.ts'
import { type AudioPlan, defaultPlanOptions, type PlanOptions, planParts } from '../../src/audio/plan.ts'
import { type Probe, probeAudio } from '../../src/audio/probe.ts'
import type { HeardPart } from '../../src/audio/shapes.ts'
import { hearTones } from './tone-calls.ts'

export interface Transcribed {
  readonly probe: Probe
  readonly plan: AudioPlan
  readonly transcript: Transcript
  readonly words: readonly string[]
}

/** The whole path of the sound, with the real probe, plan, cut and merge, and a recogniser that makes no mistakes. */
export async function transcribeTones(
  path: string,
  options: {
    readonly folder: string
    readonly plan?: Partial<PlanOptions>
    readonly told?: 'segments' | 'text'
    /** The file whose sound decides the cuts, where it is another one: the same call with noise on the line. */
    readonly plannedBy?: string
  },
): Promise<Transcribed> {
  const planOptions = { ...defaultPlanOptions, ...options.plan }
  const probe = await probeAudio(path)
  const plan = planParts(options.plannedBy === undefined ? probe : await probeAudio(options.plannedBy), planOptions)
  const heard: HeardPart[] = []
  for (const part of plan.parts) {
    const target = join(options.folder, randomUUID())
    const { encoding } = plan
    const { spans, channel } = part
    const cut = await cutPart({ source: path, format: probe.format, encoding, spans, channel, target })
    heard.push(await hearTones(target, part, cut.timeMap, options.told ?? 'segments'))
    await rm(target)
  }
  const transcript = mergeTranscript(heard, plan.speech)
  return { probe, plan, transcript, words: transcript.segments.flatMap((one) => one.text.split(' ')) }
}
