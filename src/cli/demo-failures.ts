import { z } from 'zod'
import type { App } from '../context.ts'
import { callList } from '../ops/call-list.ts'
import { callShow } from '../ops/call-show.ts'
import { runOperation } from '../ops/operation.ts'

const Calls = z.object({
  calls: z.array(z.looseObject({ id: z.string(), state: z.string(), written: z.string().nullable() })),
})
const Shown = z.object({ answer: z.object({ sentence: z.string(), mend: z.string().nullable() }) })

/** The calls that have ended without an entry, each with its reason. */
export async function listFailures(app: App): Promise<string[]> {
  const caller = { actor: 'demo', role: 'admin' } as const
  const { calls } = Calls.parse(await runOperation(app, callList, { limit: 200 }, caller))
  const failed = calls.filter((call) => call.state !== 'running' && call.written === null)
  return await Promise.all(
    failed.map(async (call) => {
      const { answer } = Shown.parse(await runOperation(app, callShow, { call: call.id }, caller))
      return `call ${call.id}: ${answer.sentence} ${answer.mend ?? ''}`.trim()
    }),
  )
}
