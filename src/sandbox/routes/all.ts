import type { Route } from '../world.ts'
import { activityRoutes } from './activities.ts'
import { aiRoutes } from './ai.ts'
import { callRoutes } from './calls.ts'
import { fileRoutes } from './files.ts'
import { meRoutes } from './me.ts'
import { timelineRoutes } from './timeline.ts'

/** Every route under /v1; where two could match, the earlier wins. */
export const allRoutes: readonly Route[] = [
  ...meRoutes,
  ...aiRoutes,
  ...callRoutes,
  ...activityRoutes,
  ...fileRoutes,
  ...timelineRoutes,
]
