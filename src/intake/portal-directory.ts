import { createHash, timingSafeEqual } from 'node:crypto'
import type { Queryable } from '../db/connect.ts'
import { listPortals, type Portal } from '../db/portals.ts'

/** Tells whose delivery it is, by the token it carries, in the same time whether it is known or not. */
export interface PortalDirectory {
  /**
   * The portal with this application token and member id, both. `sandbox`: the member id is a sandbox portal's; `memberOf`: whose member
   * id it is, for our own list of deliveries (the sender is told nothing of it).
   */
  verify(token: string | undefined, memberId: string | undefined): Promise<Verified>
  verifyRobot(secret: string): Promise<Portal | null>
  /** A portal was changed in this process: what is known of them is read anew. */
  forget(): void
}

export interface Verified {
  readonly portal: Portal | null
  readonly sandbox: boolean
  readonly memberOf: string | null
}

interface Entry {
  readonly portal: Portal
  readonly member: Buffer
  readonly tokens: readonly Buffer[]
  readonly robot: Buffer | null
}

/** What another process changed is seen after this long. */
const maxAgeMs = 1_000
/** A delivery nobody knows may be of a portal added a moment ago: looked up again, but not for each of a flood. */
const missAgeMs = 100

const digest = (text: string) => createHash('sha256').update(text).digest()

export function createPortalDirectory(db: Queryable, now: () => number = () => performance.now()): PortalDirectory {
  let entries: readonly Entry[] = []
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null

  const read = (): Promise<void> => {
    const mine: Promise<void> = listPortals(db)
      .then((portals) => {
        entries = portals.map((portal) => ({
          portal,
          member: digest(portal.memberId),
          tokens: portal.tokenHashes.map((hash) => Buffer.from(hash, 'hex')),
          robot: portal.robotSecretHash === null ? null : Buffer.from(portal.robotSecretHash, 'hex'),
        }))
        if (reading === mine) readAt = now()
      })
      .finally(() => {
        if (reading === mine) reading = null
      })
    return mine
  }

  const refresh = async (maxAge: number): Promise<boolean> => {
    if (now() - readAt < maxAge) return false
    reading ??= read()
    await reading
    return true
  }

  const look = (token: Buffer, member: Buffer): Verified => {
    let memberOf: string | null = null
    let portal: Portal | null = null
    let sandbox = false
    // Every token of every portal is compared, whatever was found before: the time tells nothing.
    for (const entry of entries) {
      const isMember = timingSafeEqual(entry.member, member)
      let isToken = false
      for (const each of entry.tokens) isToken = timingSafeEqual(each, token) || isToken
      if (isMember && isToken) portal = entry.portal
      if (isMember && entry.portal.sandbox) sandbox = true
      if (isMember) memberOf = entry.portal.id
    }
    return { portal, sandbox, memberOf }
  }

  const lookRobot = (secret: Buffer): Portal | null => {
    let portal: Portal | null = null
    for (const entry of entries) if (entry.robot !== null && timingSafeEqual(entry.robot, secret)) portal = entry.portal
    return portal
  }

  return {
    forget: () => {
      readAt = Number.NEGATIVE_INFINITY
      // What is being read may have been read too early.
      reading = null
    },
    verify: async (token, memberId) => {
      const [presented, member] = [digest(token ?? ''), digest(memberId ?? '')]
      await refresh(maxAgeMs)
      const found = look(presented, member)
      if (found.portal !== null || !(await refresh(missAgeMs))) return found
      return look(presented, member)
    },
    verifyRobot: async (secret) => {
      const presented = digest(secret)
      await refresh(maxAgeMs)
      const found = lookRobot(presented)
      if (found !== null || !(await refresh(missAgeMs))) return found
      return lookRobot(presented)
    },
  }
}
