import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../context.ts'
import { readSequence } from '../../db/changes.ts'
import { countWaitingDrafts } from '../../db/drafts.ts'
import { listPortals } from '../../db/portals.ts'
import { listDoubtful } from '../../db/reviews.ts'
import { countParked } from '../../db/status.ts'
import type { Auth, Visitor } from '../auth.ts'
import { isLoopbackHost } from '../loopback.ts'
import { Problem, readProblem } from '../problem.ts'
import { readCookie } from '../session-cookie.ts'
import { errorPage } from './door.ts'
import type { View } from './view.ts'
import { chooseLanguage } from './words/language.ts'

export interface PageScope {
  readonly app: App
  /** Whose request it is; sends a person who is not in to the door. */
  visitor(request: FastifyRequest): Visitor
  view(request: FastifyRequest, flash?: View['flash']): Promise<View>
  /** Without what stands above a page: for its rows. */
  rowView(request: FastifyRequest): Promise<View>
  send(reply: FastifyReply, page: string, nonce?: string): FastifyReply
  /** Language, theme and banner for pages that anybody may see. */
  door(request: FastifyRequest): { language: View['language']; theme: View['theme']; sandbox: boolean }
  /** Whether a browser will keep the session cookie that it is given here. */
  overTls(request: FastifyRequest): boolean
}

const themeOf = (request: FastifyRequest): View['theme'] => {
  const theme = readCookie(request, 'callsift-theme')
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

/** Nothing of a page comes from anywhere else, nothing inline runs; the player's own style sheet has a nonce. */
const policyOf = (nonce: string | undefined) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${nonce === undefined ? '' : ` 'nonce-${nonce}'`}`,
    "img-src 'self' data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const flashes: Readonly<Record<string, string>> = {
  retried: 'didRetried',
  rerun: 'didRerun',
  'write-again': 'didWriteAgain',
  assign: 'didAssign',
  cancel: 'didCancel',
  review: 'didReview',
  cause: 'didCause',
  gate: 'didGate',
  password: 'passwordSaved',
  kept: 'didKept',
  'router-key': 'didRouterKey',
}

export function createPageScope(app: App, visitors: WeakMap<FastifyRequest, Visitor>): PageScope {
  const sandbox = app.config.mode !== 'live'
  const language = (request: FastifyRequest) =>
    chooseLanguage(request.headers['accept-language'], readCookie(request, 'callsift-lang'))
  const visitor = (request: FastifyRequest): Visitor => {
    const known = visitors.get(request)
    if (known === undefined) throw new Error('a page was asked for past the door')
    return known
  }
  const base = async (request: FastifyRequest): Promise<View> => {
    const sequence = await readSequence(app.db)
    const [portal] = await listPortals(app.db)
    return {
      language: language(request),
      visitor: visitor(request),
      theme: themeOf(request),
      sandbox,
      path: request.url,
      now: new Date(),
      timeZone: portal?.settings.timeZone ?? 'UTC',
      currency: app.config.prices.currency,
      badges: { parked: 0, review: 0 },
      sequence,
      nonce: randomBytes(16).toString('base64url'),
      flash: null,
    }
  }
  return {
    app,
    visitor,
    rowView: base,
    view: async (request, flash = null) => {
      const view = await base(request)
      const parked = await countParked(app.db)
      const doubtful = await listDoubtful(app.db, { limit: 100 })
      const drafts = await countWaitingDrafts(app.db, 100)
      const { words } = view.language
      const did = flashes[String((request.query as { did?: unknown }).did)]
      const done = did === undefined ? null : { good: true, text: words[did as keyof typeof words] }
      return { ...view, badges: { parked, review: doubtful.length + drafts }, flash: flash ?? done }
    },
    send: (reply, page, nonce) =>
      reply
        .headers({
          'content-security-policy': policyOf(nonce),
          'referrer-policy': 'same-origin',
          'cross-origin-opener-policy': 'same-origin',
          vary: 'accept-language, cookie',
        })
        .type('text/html; charset=utf-8')
        .send(page),
    door: (request) => ({ language: language(request), theme: themeOf(request), sandbox }),
    overTls: (request) => request.protocol === 'https' || isLoopbackHost(request.headers.host),
  }
}

/** Lets in who is known, sends a person to the login, and tells whatever goes wrong as a page. */
export function guardPages(
  scope: FastifyInstance,
  pages: PageScope,
  options: { auth: Auth; visitors: WeakMap<FastifyRequest, Visitor> },
): void {
  scope.addHook('onRequest', async (request, reply) => {
    const visitor = await options.auth.page(request)
    if (visitor !== null) {
      options.visitors.set(request, visitor)
      return
    }
    if (request.method !== 'GET' || request.headers['sec-fetch-dest'] === 'empty') {
      throw new Problem(401, 'login_needed', 'You are not logged in.', 'Log in, then do it again.')
    }
    return reply.redirect(`/login?${new URLSearchParams({ to: request.url }).toString()}`, 303)
  })
  tellProblems(scope, pages)
}

export function tellProblems(scope: FastifyInstance, pages: PageScope): void {
  scope.setErrorHandler((error, request, reply) => {
    const problem = readProblem(error)
    if (problem === null) throw error
    const { status, kind, message, mend } = problem
    const facts = { status, kind, detail: message, mend, back: cameFrom(request) }
    return pages.send(reply.code(problem.status).headers(problem.headers), errorPage(pages.door(request), facts))
  })
}

/** The page whose button was pressed, so that a mistake is mended where it was made. */
function cameFrom(request: FastifyRequest): string {
  const { referer } = request.headers
  if (request.method !== 'POST' || referer === undefined || !URL.canParse(referer)) return '/calls'
  const { host, pathname, search } = new URL(referer)
  return host === request.host ? safePath(`${pathname}${search}`) : '/calls'
}

/** A path of this server to go back to; anything else leads to the list. */
export function safePath(path: unknown): string {
  if (typeof path !== 'string' || !/^\/(?![/\\])[\x21-\x7e]{0,2000}$/.test(path)) return '/calls'
  return path
}
