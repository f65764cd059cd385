import { expect, test } from 'vitest'
import { costMicros, listedModels, pricesVersion } from '../../src/router/prices.ts'
import { findProvider } from '../../src/router/providers.ts'

test('the list of prices is versioned, names each model once, of a provider that is known, and prices it', () => {
  expect(pricesVersion).toMatch(/^20\d\d-\d\d-\d\d$/)
  expect(new Set(listedModels.map(({ id }) => id)).size).toBe(listedModels.length)
  const wrong = listedModels.filter(({ id, kind, context, price }) => {
    const isKnown = (findProvider(id.slice(0, id.indexOf('/')))?.baseUrl ?? null) !== null
    // Between a cent and a hundred units for a million tokens; a minute of audio under two cents.
    const isChat = price.inputMicros >= 10_000 && price.outputMicros >= price.inputMicros && price.outputMicros <= 1e8
    const isSpeech = price.minuteMicros > 0 && price.minuteMicros <= 20_000
    return !isKnown || (kind === 'chat' ? !isChat || (context ?? 0) < 8_000 || price.minuteMicros !== 0 : !isSpeech)
  })
  expect(wrong).toEqual([])
})

test('money is whole millionths, rounded up once, on the sum', () => {
  const price = { inputMicros: 150_000, outputMicros: 600_000, minuteMicros: 667 }
  expect(costMicros(price, { promptTokens: 1, completionTokens: 1, audioMs: 0 })).toBe(1)
  expect(costMicros(price, { promptTokens: 1_000, completionTokens: 500, audioMs: 0 })).toBe(450)
  expect(costMicros(price, { promptTokens: 0, completionTokens: 0, audioMs: 90_000 })).toBe(1_001)
  expect(costMicros(price, { promptTokens: 0, completionTokens: 0, audioMs: 0 })).toBe(0)
})
