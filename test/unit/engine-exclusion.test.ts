import { expect, it } from 'vitest'
import { createExclusion } from '../../src/engine/exclusion.ts'

/** Asks to come in, and writes down when it was let in. */
function door() {
  const exclusion = createExclusion()
  const inside: string[] = []
  const leave = new Map<string, () => void>()
  return {
    inside,
    ask: (name: string, alone: boolean) => {
      exclusion.enter(alone).then((release) => {
        inside.push(name)
        leave.set(name, () => {
          inside.splice(inside.indexOf(name), 1)
          release()
        })
      })
    },
    leave: (name: string) => leave.get(name)?.(),
    settled: () => new Promise((resolve) => setImmediate(resolve)),
  }
}

it('lets many in side by side, and one that must be alone only when all have left', async () => {
  const { inside, ask, leave, settled } = door()
  ask('a', false)
  ask('b', false)
  ask('alone', true)
  ask('c', false)
  await settled()
  // c came after the one that must be alone: first come, first served, or that one would never get in.
  expect(inside).toEqual(['a', 'b'])
  leave('a')
  await settled()
  expect(inside).toEqual(['b'])
  leave('b')
  await settled()
  expect(inside).toEqual(['alone'])
  ask('d', false)
  ask('next alone', true)
  await settled()
  expect(inside).toEqual(['alone'])
  leave('alone')
  await settled()
  expect(inside).toEqual(['c', 'd'])
  leave('c')
  leave('d')
  await settled()
  expect(inside).toEqual(['next alone'])
})
