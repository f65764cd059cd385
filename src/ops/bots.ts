import { z } from 'zod'
import type { App } from '../context.ts'
import { eraseDialogues } from '../db/bot-messages.ts'
import {
  type Bot,
  changeBot,
  countAnswers,
  findBot,
  holdDialog,
  listBots,
  listHeldDialogs,
  listParkedAnswers,
  releaseDialog,
  removeBot,
  saveBot,
} from '../db/bots.ts'
import { clearFiles } from '../db/erase.ts'
import { retryParked } from '../engine/rerun.ts'
import { isStepFailure } from '../errors.ts'
import { defineOperation, OperationError } from './operation.ts'
import { needPortal } from './portals.ts'

const Phrase = z.string().trim().min(1).max(100)
/** `null` takes one back to the standard. */
const Settings = z.strictObject({
  instructions: z.string().trim().min(1).max(20_000).nullable().optional(),
  handoverPhrases: z.array(Phrase).max(50).nullable().optional(),
  handoverTo: z.array(z.number().int().min(1)).max(20).nullable().optional(),
  perUserHour: z.number().int().min(1).max(10_000).nullable().optional(),
  memoryHours: z.number().min(1).max(720).nullable().optional(),
  tellsVerdicts: z.boolean().nullable().optional(),
})
const PortalId = z.string().min(1).max(200)
const Named = { portalId: PortalId, botId: z.coerce.number().int().min(1) }
const InDialog = z.strictObject({ ...Named, dialogId: z.string().min(1).max(100) })
const subject = (input: { portalId: string; botId: number }) => `bot ${input.botId} of ${input.portalId}`

function mergeSettings(standing: Bot['settings'], change: z.output<typeof Settings>): Bot['settings'] {
  const merged = Object.entries({ ...standing, ...change }).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(merged) as Bot['settings']
}

async function needBot(app: App, portalId: string, botId: number): Promise<Bot> {
  const bot = await findBot(app.db, portalId, botId)
  if (bot !== null) return bot
  throw new OperationError('unknown_bot', 404, `Portal ${portalId} has no bot ${botId} here.`, 'See: callsift bot list')
}

/** The one with this code: registered now, or found where an earlier registration stands. */
async function register(app: App, portalId: string, bot: { code: string; name: string; type: string }) {
  const { bots } = app.clientFor(await needPortal(app, portalId))
  const standing = async () => (await bots.list()).find((one) => one.code === bot.code)
  try {
    const found = await standing()
    if (found !== undefined) return { ...found, registered: false }
    try {
      return { ...(await bots.register(bot)), registered: true }
    } catch (error) {
      // A lost answer, or somebody who was quicker: a code is registered once.
      const made = isStepFailure(error) ? await standing() : undefined
      if (made === undefined) throw error
      return { ...made, registered: true }
    }
  } catch (error) {
    if (!isStepFailure(error)) throw error
    throw new OperationError('portal_not_asked', 409, error.message, error.hint ?? 'Try again later.')
  }
}

export const botAdd = defineOperation({
  name: 'bot.add',
  summary: 'Registers a chat bot in a portal (or takes over the one with this code), and lets it answer from now on.',
  role: 'admin',
  input: z.strictObject({
    portalId: PortalId,
    code: z
      .string()
      .regex(/^[a-z][a-z0-9_]{1,50}$/, 'must be a-z, 0-9 and "_"')
      .default('callsift'),
    name: z.string().trim().min(1).max(100).default('Callsift'),
    /** `personal` may read what stands around a message, and so look whether an answer arrived. */
    type: z.enum(['personal', 'bot', 'supervisor']).default('personal'),
    settings: Settings.default({}),
  }),
  audit: (input) => ({ subject: `portal ${input.portalId}`, detail: { code: input.code, type: input.type } }),
  run: async (app, input) => {
    if (!app.config.write)
      throw new OperationError(
        'writing_off',
        409,
        'CALLSIFT_WRITE is off: nothing is registered in any portal.',
        'Turn it on to add the bot.',
      )
    const { portalId, code, name, type } = input
    const { registered, ...made } = await register(app, portalId, { code, name, type })
    const standing = await findBot(app.db, portalId, made.id)
    const settings = mergeSettings(standing?.settings ?? {}, input.settings)
    await saveBot(app.db, {
      portalId,
      botId: made.id,
      code,
      name: made.name ?? name,
      type: made.type ?? type,
      settings,
    })
    return { portalId, botId: made.id, registered }
  },
})

export const botList = defineOperation({
  name: 'bot.list',
  summary:
    'The chat bots: when each was last asked, what its messages came to, and which dialogues a person has taken over.',
  input: z.strictObject({}),
  run: async (app) => {
    const [bots, answers, held] = [await listBots(app.db), await countAnswers(app.db), await listHeldDialogs(app.db)]
    const of = (bot: Bot) => (one: { portalId: string; botId: number }) =>
      one.portalId === bot.portalId && one.botId === bot.botId
    return {
      bots: bots.map((bot) => ({
        ...bot,
        answers: answers.filter(of(bot)).map(({ state, class: why, runs }) => ({ state, class: why, runs })),
        held: held.filter(of(bot)).map(({ dialogId, heldAt }) => ({ dialogId, heldAt })),
      })),
    }
  },
})

export const botChange = defineOperation({
  name: 'bot.change',
  summary: 'Lets a bot rest or work, and changes what it is told; null takes a setting back to the standard.',
  role: 'admin',
  input: z.strictObject({ ...Named, enabled: z.boolean().optional(), settings: Settings.default({}) }),
  audit: (input) => ({ subject: subject(input), detail: { enabled: input.enabled } }),
  run: async (app, input) => {
    const bot = await needBot(app, input.portalId, input.botId)
    const settings = mergeSettings(bot.settings, input.settings)
    await changeBot(app.db, { ...bot, enabled: input.enabled ?? bot.enabled, settings })
    return await needBot(app, input.portalId, input.botId)
  },
})

export const botHold = defineOperation({
  name: 'bot.hold',
  summary: 'Takes a dialogue over: the bot is silent in it until it is released.',
  input: InDialog,
  audit: (input) => ({ subject: subject(input), detail: { dialogId: input.dialogId } }),
  run: async (app, input) => {
    await needBot(app, input.portalId, input.botId)
    await holdDialog(app.db, input.portalId, input.botId, input.dialogId)
    return { ...input, held: true }
  },
})

export const botRelease = defineOperation({
  name: 'bot.release',
  summary: 'Gives a dialogue back to its bot: it answers what is said from then on.',
  input: InDialog,
  audit: (input) => ({ subject: subject(input), detail: { dialogId: input.dialogId } }),
  run: async (app, input) => {
    await needBot(app, input.portalId, input.botId)
    const released = await releaseDialog(app.db, input.portalId, input.botId, input.dialogId)
    return { ...input, held: false, released }
  },
})

export const botRetry = defineOperation({
  name: 'bot.retry',
  summary: 'Sends the parked answers of a bot on their way again; what succeeded is not repeated.',
  input: z.strictObject(Named),
  audit: (input) => ({ subject: subject(input) }),
  run: async (app, input) => {
    await needBot(app, input.portalId, input.botId)
    let retried = 0
    for (const runId of await listParkedAnswers(app.db, input.portalId, input.botId))
      if ((await retryParked(app.db, runId)) > 0) retried += 1
    app.engine.kick()
    return { ...input, retried }
  },
})

export const botForget = defineOperation({
  name: 'bot.forget',
  summary: 'Erases what was said in a dialogue, here: the chat itself stays in the portal.',
  role: 'admin',
  input: InDialog,
  audit: (input) => ({ subject: subject(input) }),
  run: async (app, input) => {
    await needBot(app, input.portalId, input.botId)
    const removed = await app.db.transaction().execute((trx) => eraseDialogues(trx, input))
    const notCleared = await clearFiles(app.connection, app.connection.kind === 'pglite')
    return { ...input, removed, notCleared }
  },
})

export const botRemove = defineOperation({
  name: 'bot.remove',
  summary: 'Forgets a bot and all that was said to it; with `unregister` the portal forgets it too.',
  role: 'admin',
  input: z.strictObject({ ...Named, unregister: z.boolean().default(false) }),
  audit: (input) => ({ subject: subject(input), detail: { unregister: input.unregister } }),
  run: async (app, input) => {
    const bot = await needBot(app, input.portalId, input.botId)
    if (input.unregister) {
      try {
        await app.clientFor(await needPortal(app, bot.portalId)).bots.unregister(bot.botId)
      } catch (error) {
        if (!isStepFailure(error)) throw error
        throw new OperationError('portal_not_asked', 409, error.message, error.hint ?? 'Try again later.')
      }
    }
    await app.db.transaction().execute((trx) => removeBot(trx, bot.portalId, bot.botId))
    return { portalId: bot.portalId, botId: bot.botId, unregistered: input.unregister }
  },
})
