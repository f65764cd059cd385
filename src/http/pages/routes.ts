import type { FastifyInstance, FastifyRequest } from 'fastify'
import qs from 'qs'
import type { App } from '../../context.ts'
import type { Auth, Visitor } from '../auth.ts'
import { actionRoutes } from './action-routes.ts'
import { audioRoutes } from './audio-routes.ts'
import { batchRoutes } from './batch-routes.ts'
import { callRoutes } from './call-routes.ts'
import { doorRoutes } from './door-routes.ts'
import { otherRoutes } from './other-routes.ts'
import { createPageScope, guardPages } from './page-scope.ts'

import { peopleRoutes } from './people-routes.ts'

import { routerRoutes } from './router-routes.ts'

const mostFormBytes = 64 * 1024

/** The pages for people: behind a login, made on the server, usable without a script. */
export async function pageRoutes(
  scope: FastifyInstance,
  options: { app: App; auth: Auth; now: () => number },
): Promise<void> {
  const { app, auth, now } = options
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: mostFormBytes },
    (_request, body, done) => {
      // Dots stay in names (`f.status`), brackets mean nothing.
      done(null, qs.parse(String(body), { depth: 0, parameterLimit: 500, arrayLimit: 500, plainObjects: false }))
    },
  )
  const visitors = new WeakMap<FastifyRequest, Visitor>()
  const pages = createPageScope(app, visitors)
  await scope.register(doorRoutes, { pages, now })
  await scope.register(async (inside) => {
    guardPages(inside, pages, { auth, visitors })
    await inside.register(callRoutes, { pages })
    await inside.register(otherRoutes, { pages })
    await inside.register(batchRoutes, { pages })
    await inside.register(peopleRoutes, { pages })
    await inside.register(actionRoutes, { pages })
    await inside.register(audioRoutes, { pages })
    await inside.register(routerRoutes, { pages })
  })
}
