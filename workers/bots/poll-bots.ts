import type { Config } from '../../src/config.ts'
import { addBotLine, setLineRun } from '../../src/db/bot-messages.ts'
import { advanceOffset, type Bot, finishPoll, takeBot } from '../../src/db/bots.ts'
import type { Database } from '../../src/db/connect.ts'
import { findPortal, type Portal } from '../../src/db/portals.ts'
import { createRun } from '../../src/engine/create-run.ts'
import type { Registry } from '../../src/engine/registry.ts'
import { Blocked, isStepFailure, Later } from '../../src/errors.ts'
import type { Log } from '../../src/log.ts'
import type { BotEventPage } from '../../src/vibecode/bots.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import { readBotMessage } from '../../src/wire/bots.ts'
import type { CallContext } from '../call-context.ts'

interface PollDeps {
  readonly db: Database
  readonly config: Config
  readonly log: Log
  readonly registry: Registry<CallContext>
  clientFor(portal: Portal): Vibecode
  kick(): void
}

const pageSize = 100
/** Of one bot in one turn; the rest comes with the next. */
const mostPages = 20
/** Clocks differ: what the portal dates a little before the bot was added may still be meant for it. */
const clockSlackMs = 60_000

/**
 * Reads what was said to the bots that are due, one process at a time per bot. Messages and their runs are rows before the offset moves on,
 * in one transaction: a process that dies in between has read nothing, and what is read twice is answered once. Returns how many came.
 */
export async function pollBots(deps: PollDeps): Promise<number> {
  let taken = 0
  for (;;) {
    const bot = await takeBot(deps.db, deps.config.timings.requestDeadlineMs * 2)
    if (bot === null) return taken
    let failure: string | null = null
    try {
      const portal = await findPortal(deps.db, bot.portalId)
      if (portal !== null) taken += await readAll(deps, bot, deps.clientFor(portal))
    } catch (error) {
      if (!isStepFailure(error)) throw error
      // A closed gate has said why, and a busy portal is no failure.
      failure = error instanceof Blocked || error instanceof Later ? null : error.message
      deps.log.info(
        { portal: bot.portalId, bot: bot.botId, class: error.class, reason: error.message },
        'a bot could not be asked',
      )
    } finally {
      await finishPoll(deps.db, bot, { everyMs: deps.config.timings.botPollMs, failure })
    }
  }
}

async function readAll(deps: PollDeps, bot: Bot, vibecode: Vibecode): Promise<number> {
  let offset = bot.nextOffset
  let taken = 0
  for (let pages = 0; pages < mostPages; pages += 1) {
    const page = await vibecode.bots.events(bot.botId, { offset, limit: pageSize })
    if (page.events.length > 0) {
      taken += await record(deps, bot, page)
      deps.kick()
    }
    if (!page.hasMore || page.nextOffset <= offset) return taken
    offset = page.nextOffset
  }
  return taken
}

async function record(deps: PollDeps, bot: Bot, page: BotEventPage): Promise<number> {
  const { portalId, botId } = bot
  return await deps.db.transaction().execute(async (trx) => {
    if (!(await advanceOffset(trx, bot, page.nextOffset))) return 0
    let taken = 0
    for (const event of page.events) {
      const message = readBotMessage(event, botId)
      if (message === null) continue
      const date = Date.parse(event.date ?? '')
      const saidAt = Number.isFinite(date) ? new Date(Math.min(date, Date.now())) : new Date()
      // What was said before somebody set the bot up is not ours to answer; in a chat of many, only what names the bot is.
      if (saidAt.getTime() < bot.addedAt.getTime() - clockSlackMs) continue
      if (!message.isPrivate && !new RegExp(`\\[USER=${botId}\\b`, 'i').test(message.text)) continue
      const { messageId, dialogId, userId, isColleague, entity } = message
      const body = message.text.replace(/\[USER=\d+[^\]]*\]([^[]*)\[\/USER\]/gi, '$1').trim()
      const line = { portalId, botId, dialogId, messageId, userId, entity, body, saidAt }
      const lineId = await addBotLine(trx, { ...line, author: 'user', colleague: isColleague })
      if (lineId === null) continue
      const input = { botId, lineId, messageId, dialogId }
      const key = `${portalId} ${botId} ${messageId}`
      const { runId } = await createRun(trx, deps.registry, { workflow: 'answerMessage', key, portalId, input })
      await setLineRun(trx, lineId, runId)
      taken += 1
    }
    return taken
  })
}
