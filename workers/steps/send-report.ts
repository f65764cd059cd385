import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Permanent } from '../../src/errors.ts'
import type { CallContext } from '../call-context.ts'
import { Figures, ReportInput } from '../reports/report-input.ts'
import { layOutReport } from '../reports/report-words.ts'
import { step } from '../step.ts'

/** Sends the report once to each who is to have it. Its output is what `callsift batch show` tells. */
export const sendReport = step({
  name: 'sendReport',
  queue: 'reports',
  family: 'none',
  input: z.object({
    run: ReportInput,
    gatherFigures: Figures,
    writeProse: z.object({
      prose: z.string(),
      by: z.string(),
      why: z.string().nullable(),
      tokens: z.number(),
      micros: z.number(),
      mostMicros: z.number(),
    }),
  }),
  output: z.object({
    /** `shown`: nobody was named to be told. */
    state: z.enum(['sent', 'observed', 'dry_run', 'shown']),
    to: z.array(z.string()),
    text: z.string(),
    proseBy: z.string(),
    why: z.string().nullable(),
    total: Figures.shape.total,
    groups: z.number(),
    tokens: z.number(),
    cost: z.number(),
    costAtMost: z.number(),
    currency: z.string(),
  }),
  async run(context, { run, gatherFigures: figures, writeProse: written }) {
    const { config, portal } = context
    const ref = createHash('sha256').update(`${portal.memberId} report ${context.runKey}`).digest('hex').slice(0, 8)
    const sandbox = config.mode !== 'live' || portal.sandbox
    const text = layOutReport(figures, written.prose, { language: run.language, ref, sandbox })
    const told = {
      text,
      proseBy: written.by,
      why: written.why,
      total: figures.total,
      groups: figures.groups.length,
      tokens: written.tokens,
      cost: written.micros / 1_000_000,
      costAtMost: written.mostMicros / 1_000_000,
      currency: config.prices.currency,
    }
    const targets = [
      ...(run.bot === undefined ? [] : [{ kind: 'bot' as const, ...run.bot }]),
      ...run.notify.map((userId) => ({ kind: 'user' as const, userId })),
    ]
    if (run.dryRun) return { ...told, state: 'dry_run' as const, to: [] }
    if (targets.length === 0) return { ...told, state: 'shown' as const, to: [] }
    if (!config.write || !portal.writeEnabled) return { ...told, state: 'observed' as const, to: [] }
    const to: string[] = []
    for (const target of targets) {
      const name = target.kind === 'bot' ? `bot ${target.botId} in ${target.dialogId}` : `user ${target.userId}`
      await sendOnce(context, { target, name, text, ref })
      to.push(name)
    }
    return { ...told, state: 'sent' as const, to }
  },
})

type Target = { kind: 'bot'; botId: number; dialogId: string } | { kind: 'user'; userId: number }

async function sendOnce(context: CallContext, report: { target: Target; name: string; text: string; ref: string }) {
  const { bots } = context.vibecode
  const { target, name, text, ref } = report
  await context.writeOnce({
    key: `report ${context.portal.id} ${context.runId} to ${name}`,
    kind: 'report',
    intentNo: 1,
    marker: `ref: ${ref}`,
    target,
    send: async () =>
      target.kind === 'bot'
        ? await bots.sendMessage(target.botId, { dialogId: target.dialogId, text })
        : await bots.notify({ userId: target.userId, text, tag: `callsift report ${ref}` }),
    readBack: async () => {
      // A notification with the same tag takes the place of the first: sent again, it stands there once.
      if (target.kind === 'user') return null
      // What a private dialogue is called depends on who looks: only a chat of many is the same for the key's owner.
      const lines = target.dialogId.startsWith('chat') ? await bots.readChat(target.dialogId) : null
      if (lines === null)
        throw new Permanent('message_in_doubt', {
          message: `It is not known whether the report ${ref} arrived at ${name}: its sending was lost, and the key may not read there.`,
          hint: 'Look into the chat. If it is not there, start the report again.',
          policy: 'manual',
        })
      const found = lines.find((line) => line.text.includes(`ref: ${ref}`))
      return found === undefined ? null : String(found.id)
    },
  })
}
