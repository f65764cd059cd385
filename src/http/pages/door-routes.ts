import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { finishAudit, startAudit } from '../../db/audit.ts'
import { openSession } from '../../db/sessions.ts'
import { findPassword, useLoginLink } from '../../db/users.ts'
import { isPassword } from '../../password.ts'
import { createBadTokens } from '../bad-tokens.ts'
import { Problem } from '../problem.ts'
import { refuseCrossSite } from '../same-site.ts'
import { sessionCookie } from '../session-cookie.ts'
import { assetRoot, assets } from './assets.ts'
import { linkPage, loginPage } from './door.ts'
import { type PageScope, safePath, tellProblems } from './page-scope.ts'

const triesAMinute = 5

/** What anybody may ask for: the login, a one-time link, style sheet and scripts, theme and language. */
export async function doorRoutes(
  scope: FastifyInstance,
  options: { pages: PageScope; now: () => number },
): Promise<void> {
  const { pages } = options
  const { app } = pages
  const wrongTries = createBadTokens(options.now, triesAMinute)
  tellProblems(scope, pages)

  for (const asset of assets) {
    scope.get(`${assetRoot}/${asset.name}`, async (_request, reply) =>
      reply.headers({ 'cache-control': 'public, max-age=31536000, immutable' }).type(asset.type).send(asset.bytes),
    )
  }
  scope.get<{ Querystring: { theme?: string; lang?: string; back?: string } }>('/set', async (request, reply) => {
    const { theme, lang, back } = request.query
    const keep = (name: string, value: string) =>
      reply.header('set-cookie', `${name}=${value}; Path=/; SameSite=Lax; Max-Age=31536000`)
    if (theme === 'auto' || theme === 'light' || theme === 'dark') keep('callsift-theme', theme)
    if (lang === 'en' || lang === 'ru') keep('callsift-lang', lang)
    return reply.redirect(safePath(back), 303)
  })

  const showLogin = (request: FastifyRequest, reply: FastifyReply, problem: string | null, to: string, status = 200) =>
    pages.send(reply.code(status), loginPage(pages.door(request), { problem, to, overTls: pages.overTls(request) }))
  const letIn = async (request: FastifyRequest, reply: FastifyReply, userId: string, to: string) => {
    const secret = randomBytes(32).toString('base64url')
    await openSession(app.db, userId, secret)
    await noteLogin(`user ${userId}`, request, 'done')
    return reply.header('set-cookie', sessionCookie(secret)).redirect(to, 303)
  }
  const noteLogin = async (subject: string, request: FastifyRequest, outcome: string) => {
    const id = await startAudit(app.db, { actor: 'login', action: 'login', subject, detail: { from: request.ip } })
    await finishAudit(app.db, id, outcome)
  }

  scope.get<{ Querystring: { to?: string } }>('/login', async (request, reply) =>
    showLogin(request, reply, null, safePath(request.query.to)),
  )
  scope.post<{ Body: Record<string, string> }>('/login', async (request, reply) => {
    refuseCrossSite(request)
    const { name = '', password = '', to } = request.body ?? {}
    const { words } = pages.door(request).language
    const who = `name ${name.toLowerCase().slice(0, 100)}`
    const seconds = Math.max(wrongTries.waitSeconds(request.ip), wrongTries.waitSeconds(who))
    if (seconds > 0) {
      reply.header('retry-after', String(seconds))
      return showLogin(request, reply, words.loginWait, safePath(to), 429)
    }
    // Counted before the hash is made: a flood of tries must not become a flood of hashes.
    wrongTries.note(request.ip)
    wrongTries.note(who)
    const user = await findPassword(app.db, name.slice(0, 100))
    if (!(await isPassword(password.slice(0, 500), user?.password ?? null)) || user === null) {
      await noteLogin('wrong name or password', request, 'refused')
      return showLogin(request, reply, words.loginWrong, safePath(to), 401)
    }
    wrongTries.forget(request.ip)
    wrongTries.forget(who)
    return await letIn(request, reply, user.id, safePath(to))
  })

  scope.get<{ Params: { secret: string } }>('/login/:secret', async (request, reply) =>
    pages.send(
      reply,
      linkPage(pages.door(request), {
        secret: request.params.secret.replace(/[^\w-]/g, ''),
        overTls: pages.overTls(request),
      }),
    ),
  )
  scope.post<{ Params: { secret: string } }>('/login/:secret', async (request, reply) => {
    refuseCrossSite(request)
    const seconds = wrongTries.waitSeconds(request.ip)
    if (seconds > 0)
      throw new Problem(429, 'too_many_tries', 'Too many tries.', 'Wait a minute.', { 'retry-after': String(seconds) })
    const userId = await useLoginLink(app.db, request.params.secret)
    if (userId !== null) return await letIn(request, reply, userId, '/account')
    wrongTries.note(request.ip)
    const { words } = pages.door(request).language
    throw new Problem(410, 'link_used', words.linkBad, '')
  })
}
