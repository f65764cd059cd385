import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readLabelled } from '../../src/cli/rubric-labels.ts'
import { measureAgreement } from '../../src/cli/rubric-measures.ts'
import { judgePrompt } from '../../workers/judge-prompt.ts'
import { loadRubrics } from '../../workers/rubrics/load-rubrics.ts'
import { rubricOfCalls } from '../../workers/rubrics/rubric-of-calls.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-rubrics-'))
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

const own = (extra: string) => `name: call
version: 4
judges: call
instructions: 'Judge as we do. Return JSON: {"quality": "high|medium|low", "score": 0-100, "reason": "..."}.'
bands: { medium: 40, high: 80 }
${extra}`

describe('rubrics', () => {
  test('those that ship are read, and the default one asks in the words of VibeCode', async () => {
    const rubrics = await loadRubrics(undefined)
    expect(rubrics.all.map((rubric) => rubric.name).sort()).toEqual(['call', 'lead'])
    const { system, user } = judgePrompt({ rubric: rubrics.find('call'), text: 'Hello', seed: 'x' })
    expect(system.split('\n').slice(0, 2)).toEqual([
      'Classify the lead from the call text. Return JSON: {"quality": "high|medium|low", "score": 0-100, "reason": "..."}.',
      'Bands: high is 67-100, medium 34-66, low 0-33.',
    ])
    expect(user).toMatch(/^<call-[0-9a-f]{12}>\nHello\n<\/call-[0-9a-f]{12}>$/)
    expect(rubrics.find('call').id).toMatch(/^call@1 [0-9a-f]{8}$/)
  })

  test('one of the own folder wins, with its own bands, and is named otherwise by any edit', async () => {
    await writeFile(join(folder, 'call.yaml'), own(''))
    const first = (await loadRubrics(folder)).find('call')
    expect(judgePrompt({ rubric: first, text: 'x', seed: 'x' }).system).toContain(
      'high is 80-100, medium 40-79, low 0-39',
    )
    await writeFile(join(folder, 'call.yaml'), own('counts: [a budget]'))
    const second = (await loadRubrics(folder)).find('call')
    expect(second.version).toBe(first.version)
    expect(second.id).not.toBe(first.id)
  })

  test('every mistake of every file is told at start, with exit 78', async () => {
    await writeFile(join(folder, 'call.yaml'), own('bandz: 3'))
    await writeFile(
      join(folder, 'lead.yaml'),
      own('fields: [title]\nexamples: [{ text: a, quality: high, score: 50, reason: b }]').replace(
        'name: call',
        'name: Lead!',
      ),
    )
    await writeFile(join(folder, 'torn.yml'), 'name: "torn')
    await writeFile(
      join(folder, 'texts.yaml'),
      'name: texts\nversion: 1\nwrites: product\ninstructions: x\nlength: { min: 9, max: 3 }\nfields: [description]\n',
    )
    await writeFile(join(folder, 'people.yaml'), 'name: people\nversion: 1\nextracts: contact\ninstruction: x\n')
    const failure = await loadRubrics(folder).catch((error: unknown) => error)
    expect(failure).toMatchObject({ exitCode: 78 })
    const said = String(failure)
    for (const word of [
      'must not hold description',
      'min must be below max',
      'instruction',
      'bandz',
      'must be a-z',
      'lies in the band medium',
      'torn.yml',
    ])
      expect(said).toContain(word)
    await expect(loadRubrics(join(folder, 'nowhere'))).rejects.toMatchObject({ exitCode: 78 })
  })

  test("a portal's own prompt stands in the place of the default rubric's, and in the verdict's version", async () => {
    const rubrics = await loadRubrics(undefined)
    expect(rubricOfCalls(rubrics, {})).toBe(rubrics.find('call'))
    const prompted = rubricOfCalls(rubrics, { prompt: 'Judge by mood.' })
    expect(prompted.instructions).toBe('Judge by mood.')
    expect(prompted.id).toMatch(/^prompt@1 [0-9a-f]{8}$/)
    expect(rubricOfCalls(rubrics, { prompt: 'Judge by tone.' }).id).not.toBe(prompted.id)
  })
})

describe('labelled texts', () => {
  test('are read, and what cannot be read is named', async () => {
    const labelled = await mkdtemp(join(folder, 'labelled-'))
    await writeFile(join(labelled, 'a.yaml'), 'quality: high\nscore: 90\ntext: |\n  fifty seats\n')
    await writeFile(join(labelled, 'b.yaml'), 'quality: low\ntext: nothing\n')
    expect(await readLabelled(labelled)).toEqual([
      { name: 'a.yaml', text: 'fifty seats', label: { quality: 'high', score: 90 } },
      { name: 'b.yaml', text: 'nothing', label: { quality: 'low', score: undefined } },
    ])
    await writeFile(join(labelled, 'c.yaml'), 'quality: superb\ntext: x\n')
    await expect(readLabelled(labelled)).rejects.toThrow(/c\.yaml: quality/)
  })

  test('agreement, confusion and mean absolute error', () => {
    const measured = measureAgreement([
      { quality: 'high', score: 90, label: { quality: 'high', score: 80 } },
      { quality: 'medium', score: 50, label: { quality: 'high', score: 70 } },
      { quality: 'low', score: 5, label: { quality: 'low' } },
      { quality: 'low', score: 5, label: { quality: 'low', score: 5 } },
    ])
    expect(measured).toMatchObject({ texts: 4, agreed: 3, agreement: 0.75, scored: 3, meanAbsoluteError: 10 })
    expect(measured.confusion.high).toEqual({ high: 1, medium: 1, low: 0 })
    expect(measureAgreement([]).meanAbsoluteError).toBeNull()
  })
})
