import { z } from 'zod'
import type { Config } from '../src/config.ts'
import { readCall } from '../src/db/call-facts.ts'
import { readCallStory } from '../src/db/call-story.ts'
import type { Database } from '../src/db/connect.ts'
import { findPortal } from '../src/db/portals.ts'
import { Recording } from './call-input.ts'
import { fetchRecording } from './fetch-recording.ts'
import type { Upstreams } from './upstreams.ts'

const Located = z.object({ recording: Recording.nullable() })

/**
 * Fetches a call's recording for somebody who wants to hear it: by what locate found, through the same gates and the one slot for bytes
 * that steps use. Null where none was found yet, or the portal is gone.
 */
export async function openRecording(
  deps: { config: Config; db: Database; upstreams: Upstreams; workerId: string },
  callId: string,
  folder: string,
  signal: AbortSignal,
): Promise<{ path: string; sha256: string } | null> {
  const call = await readCall(deps.db, callId)
  const portal = await findPortal(deps.db, call.portal_id)
  if (portal === null) return null
  const { steps } = await readCallStory(deps.db, callId)
  const located = Located.safeParse(steps.find((step) => step.name === 'locateRecording')?.output)
  const recording = located.success ? located.data.recording : null
  if (recording === null) return null
  const { vibecode, guard } = deps.upstreams.bind(portal, { claim: null, workerId: deps.workerId, signal })
  return await fetchRecording(
    {
      config: deps.config,
      db: deps.db,
      portal,
      vibecode,
      signal,
      tempDir: async () => folder,
      withBytesSlot: guard.withBytesSlot,
    },
    recording,
  )
}
