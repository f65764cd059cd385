import { expect, test } from 'vitest'
import { prepareVerdict } from '../../workers/judge/prepare-verdict.ts'
import { loadRubrics } from '../../workers/rubrics/load-rubrics.ts'

const reasonOf = async (reason: string) => {
  const asked = prepareVerdict({ rubric: (await loadRubrics(undefined)).find('call'), text: 'Hello', seed: 'x' })
  return asked.read({ quality: 'low', score: 5, reason, evidence: [] }).reason
}

test('O08: a reason with markup, links or 50 KB of text reaches no card as that', async () => {
  const hostile =
    '[URL=https://evil.example]Click[/URL] <a href="https://evil.example">here</a> or https://evil.example/x <img src=x onerror=alert(1)>'
  const tidy = await reasonOf(hostile)
  expect(tidy).toBe('Click here or …')
  const long = await reasonOf(`Budget: [b]none[/b]. ${'x'.repeat(50_000)}`)
  expect(long.length).toBeLessThanOrEqual(2_000)
  expect(long.startsWith('Budget: none. xxx')).toBe(true)
  expect(await reasonOf('Срок «до пятницы», 50 мест')).toBe('Срок «до пятницы», 50 мест')
})
