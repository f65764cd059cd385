import { z } from 'zod'
import type { Config } from '../src/config.ts'
import { readCall } from '../src/db/call-facts.ts'
import { readCallStory } from '../src/db/call-story.ts'
import type { Database } from '../src/db/connect.ts'
import { findPortal } from '../src/db/portals.ts'
import type { ByteRange, FilePart } from '../src/wire/byte-range.ts'
import { Recording } from './call-input.ts'
import { type FetchContext, fetchRecording } from './fetch-recording.ts'
import { fetchRecordingPart } from './fetch-recording-part.ts'
import type { Upstreams } from './upstreams.ts'

const Located = z.object({ recording: Recording.nullable() })

interface Deps {
  readonly config: Config
  readonly db: Database
  readonly upstreams: Upstreams
  readonly workerId: string
}

/** A call's recording as locate found it, and what a fetch of it needs. Null where none was found yet, or the portal is gone. */
async function findRecording(
  deps: Deps,
  callId: string,
  signal: AbortSignal,
): Promise<{ recording: Recording; context: Omit<FetchContext, 'tempDir'> } | null> {
  const call = await readCall(deps.db, callId)
  const portal = await findPortal(deps.db, call.portal_id)
  if (portal === null) return null
  const { steps } = await readCallStory(deps.db, callId)
  const located = Located.safeParse(steps.find((step) => step.name === 'locateRecording')?.output)
  const recording = located.success ? located.data.recording : null
  if (recording === null) return null
  const { vibecode, guard } = deps.upstreams.bind(portal, { claim: null, workerId: deps.workerId, signal })
  const { config, db } = deps
  return { recording, context: { config, db, portal, vibecode, signal, withBytesSlot: guard.withBytesSlot } }
}

/**
 * Fetches a call's recording for somebody who wants to hear it, through the same gates and the one slot for bytes that steps use. Null
 * where there is none.
 */
export async function openRecording(
  deps: Deps,
  callId: string,
  folder: string,
  signal: AbortSignal,
): Promise<{ path: string; sha256: string } | null> {
  const found = await findRecording(deps, callId, signal)
  if (found === null) return null
  return await fetchRecording({ ...found.context, tempDir: async () => folder }, found.recording)
}

/** Some of its bytes in the same way; null where there is no recording. */
export async function readRecordingPart(
  deps: Deps,
  callId: string,
  range: ByteRange,
  signal: AbortSignal,
): Promise<FilePart | null> {
  const found = await findRecording(deps, callId, signal)
  return found === null ? null : await fetchRecordingPart(found.context, found.recording, range)
}
