import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { askJson } from '../../src/vibecode/ask-json.ts'
import type { CompleteOptions, Completion } from '../../src/vibecode/chat.ts'
import { contradictingKey, extractObject } from '../../src/vibecode/strict-json.ts'
import { createUpstreamTraits } from '../../src/vibecode/traits.ts'
import { chatResponse } from '../../src/wire/chat.ts'

const corpus = z
  .object({
    cases: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        content: z.string(),
        verdict: z.enum(['ok', 'ok-after-clean', 're-ask']),
        value: z.unknown().optional(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/vibecode/model-output.json', import.meta.url), 'utf8')))

const ranges = { high: [67, 100], medium: [34, 66], low: [0, 33] } as const
const schema = z
  .object({
    quality: z.enum(['high', 'medium', 'low']),
    score: z.number().int().min(0).max(100),
    reason: z.string().min(1),
  })
  .refine(
    ({ quality, score }) => score >= ranges[quality][0] && score <= ranges[quality][1],
    'quality and score disagree',
  )

const good = '{"quality":"high","score":88,"reason":"x"}'
const value = { quality: 'high', score: 88, reason: 'x' }

function answer(choice: object | undefined, usage: object = { prompt_tokens: 10, completion_tokens: 5 }): Completion {
  const body = { model: 'm', usage, ...(choice === undefined ? {} : { choices: [choice] }) }
  return { ...chatResponse.parse(body), requestId: 'req-1' }
}
const said = (content: unknown, finish = 'stop') =>
  answer({ finish_reason: finish, message: { role: 'assistant', content } })

/** Asks against prepared completions, and keeps what was asked. */
async function ask(completions: Completion[], options: { maxTokens?: number } = {}) {
  const asked: CompleteOptions[] = []
  const complete = async (request: CompleteOptions): Promise<Completion> => {
    asked.push({ ...request, messages: [...request.messages] })
    const next = completions[asked.length - 1]
    if (next === undefined) throw new Error('asked more often than prepared')
    return next
  }
  try {
    const result = await askJson(complete, createUpstreamTraits(), { system: 's', user: 'u', schema, ...options })
    return { asked, result, error: undefined }
  } catch (error) {
    return { asked, result: undefined, error: error as { class: string; policy: string; message: string } }
  }
}

describe('the corpus', () => {
  it.each(corpus.cases)('$id $name: $verdict', async ({ content, verdict, value: expected }) => {
    const { asked, result } = await ask([said(content), said(good)])
    if (verdict === 're-ask') {
      expect(asked).toHaveLength(2)
      expect(result).toMatchObject({ asks: 2, value })
    } else {
      expect(asked).toHaveLength(1)
      expect(result).toMatchObject({ asks: 1, value: expected, cleaned: verdict === 'ok-after-clean' })
    }
  })

  it.each(corpus.cases)('$id with finish_reason length is asked again whatever it says', async ({ content }) => {
    const { asked, result } = await ask([said(content, 'length'), said(good)])
    expect(asked).toHaveLength(2)
    expect(result?.asks).toBe(2)
  })
})

describe('beyond the corpus', () => {
  const reAsked: [string, string][] = [
    ['trailing comma', '{"quality":"high","score":88,"reason":"x",}'],
    ['NaN', '{"quality":"high","score":NaN,"reason":"x"}'],
    ['two fences', `\`\`\`json\n${good}\n\`\`\`\n\`\`\`json\n${good}\n\`\`\``],
    ['0.88', '{"quality":"high","score":0.88,"reason":"x"}'],
    ['101', '{"quality":"high","score":101,"reason":"x"}'],
    ['1e400', '{"quality":"high","score":1e400,"reason":"x"}'],
    ['Russian label', '{"quality":"высокий","score":88,"reason":"x"}'],
    ['empty reason', '{"quality":"high","score":88,"reason":""}'],
    ['array', `[${good}]`],
    ['fenced array', `\`\`\`json\n[${good}]\n\`\`\``],
    ['quoted string', JSON.stringify(good)],
    ['doubled key', '{"quality":"high","score":10,"reason":"x","score":88}'],
    ['doubled key by escape', '{"quality":"high","score":10,"reason":"x","sc\\u006fre":88}'],
    ['doubled key in a fence', '```json\n{"quality":"high","score":10,"reason":"x","score":88}\n```'],
    ['unclosed think', `<think>maybe ${good}`],
    ['refusing prose', 'I cannot help with that.'],
    ['deep nesting', `{"quality":"high","score":88,"reason":"x","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ]
  it.each(reAsked)('asks again: %s', async (_name, content) => {
    const { result, asked } = await ask([said(content), said(good)])
    expect(asked).toHaveLength(2)
    expect(result?.value).toEqual(value)
  })

  const taken: [string, string, boolean][] = [
    ['88.0', '{"quality":"high","score":88.0,"reason":"x"}', false],
    ['spaces', ` \n${good}\t`, false],
    ['extra key', '{"quality":"high","score":88,"reason":"x","more":[1,{"a":2}]}', false],
    ['__proto__ key', '{"quality":"high","score":88,"reason":"x","__proto__":{"polluted":true}}', false],
    ['doubled key, same value', '{"quality":"high","score":88,"score":88.0,"reason":"x"}', false],
    ['BOM', `\uFEFF${good}`, true],
    ['prose before', `Here it is: ${good}`, true],
    ['prose after', `${good}\nHope that helps!`, true],
    ['braces in a string', '```\n{"quality":"high","score":88,"reason":"x"}\n```', true],
  ]
  it.each(taken)('takes: %s', async (_name, content, cleaned) => {
    const { result } = await ask([said(content)])
    expect(result).toMatchObject({ asks: 1, cleaned, value })
    expect(Object.keys(result?.value ?? {}).sort()).toEqual(['quality', 'reason', 'score'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('keeps brackets inside strings out of the count', () => {
    const text = 'So: {"reason":"she said \\"}{\\" twice","n":[1,{"a":"]"}]} done'
    expect(extractObject(text)).toMatchObject({ ok: true, cleaned: true, value: { n: [1, { a: ']' }] } })
    expect(contradictingKey('{"a":{"b":1},"c":[{"b":2},{"b":3}],"b":4}')).toBeUndefined()
    expect(contradictingKey('{"a":[{"b":1,"b":2}]}')).toBe('b')
  })
})

describe('the re-ask', () => {
  it('goes on in the same conversation with the issues, and the counts are summed', async () => {
    const bad = '{"quality":"High","score":"88","reason":"x"}'
    const { asked, result } = await ask([said(bad), said(good)])
    expect(asked[1]?.messages.slice(0, 2)).toEqual(asked[0]?.messages)
    expect(asked[1]?.messages[2]).toEqual({ role: 'assistant', content: bad })
    expect(asked[1]?.messages[3]?.content).toMatch(/quality: [\s\S]*score: /)
    expect(asked[1]?.responseFormat).toEqual({ type: 'json_object' })
    expect(result?.usage).toEqual({ promptTokens: 20, completionTokens: 10 })
  })

  it('happens once, then the call is parked', async () => {
    const { asked, error } = await ask([said('no'), said('no')])
    expect(asked).toHaveLength(2)
    expect(error).toMatchObject({ class: 'bad_model_output', policy: 'manual', name: 'Permanent' })
  })

  it('U13 asks again after an answer without text, and ends as empty_completion', async () => {
    const calls = { finish_reason: 'tool_calls', message: { content: null, tool_calls: [{}] } }
    const empties = [
      answer(undefined),
      answer({}),
      answer({ finish_reason: 'stop' }),
      answer(calls),
      said(null),
      said(''),
      said([good]),
      said(7),
      said('  '),
    ]
    for (const empty of empties) {
      expect((await ask([empty, said(good)])).result?.asks).toBe(2)
      expect((await ask([empty, empty])).error).toMatchObject({ class: 'empty_completion', policy: 'manual' })
    }
    expect(chatResponse.parse({ choices: 'none' }).choices).toEqual([])
  })

  it('U14 gives a cut-off answer more room, once', async () => {
    const cut = said(good, 'length')
    const first = await ask([cut, said(good)], { maxTokens: 300 })
    expect(first.asked.map((request) => request.maxTokens)).toEqual([300, 600])
    expect(first.asked[1]?.messages).toHaveLength(2)
    const unlimited = await ask([cut, said(good)])
    expect(unlimited.asked.map((request) => request.maxTokens)).toEqual([undefined, 8_192])
    expect((await ask([cut, cut])).error).toMatchObject({ class: 'bad_model_output' })
  })

  it('U15 parks a refusal at once', async () => {
    const filtered = said(good, 'content_filter')
    const refused = answer({ finish_reason: 'stop', message: { content: null, refusal: 'I will not' } })
    for (const refusal of [filtered, refused]) {
      const { asked, error } = await ask([refusal])
      expect(asked).toHaveLength(1)
      expect(error).toMatchObject({ class: 'refused', policy: 'manual' })
    }
  })

  it('U18 counts missing or negative tokens as none', async () => {
    const odd = { prompt_tokens: -5, completion_tokens: '9', total_tokens: null, cost: { x: 1 } }
    for (const usage of [odd, undefined, null, 'many'] as object[]) {
      const message = { content: good, extra: true }
      const { result } = await ask([
        {
          ...chatResponse.parse({ model: 7, choices: [{ finish_reason: 'stop', message }], usage, new: 1 }),
          requestId: null,
        },
      ])
      expect(result).toMatchObject({ usage: { promptTokens: 0, completionTokens: 0 }, value, model: null })
    }
  })
})
