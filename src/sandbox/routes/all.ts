import type { Route } from '../world.ts'
import { activityRoutes } from './activities.ts'
import { aiRoutes } from './ai.ts'
import { automationRoutes } from './automation.ts'
import { batchRoutes } from './batch.ts'
import { botRoutes } from './bots.ts'
import { callRoutes } from './calls.ts'
import { chatRoutes } from './chats.ts'
import { commentRoutes } from './comments.ts'
import { entityRoutes } from './entities.ts'
import { fileRoutes } from './files.ts'
import { meRoutes } from './me.ts'
import { timelineRoutes } from './timeline.ts'
import { userFieldRoutes } from './userfields.ts'

/** Every route under /v1; where two could match, the earlier wins. */
export const allRoutes: readonly Route[] = [
  ...meRoutes,
  ...aiRoutes,
  ...callRoutes,
  ...activityRoutes,
  ...fileRoutes,
  ...timelineRoutes,
  ...commentRoutes,
  ...userFieldRoutes,
  ...automationRoutes,
  ...botRoutes,
  ...chatRoutes,
  ...batchRoutes,
  ...entityRoutes,
]
