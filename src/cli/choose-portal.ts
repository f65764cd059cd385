import { z } from 'zod'
import { UsageError } from '../errors.ts'
import type { Operations } from './operations.ts'

const Portals = z.object({ portals: z.array(z.looseObject({ id: z.string() })) })

/** The named portal, or the only one. */
export async function choosePortalId(operations: Operations, named: string | undefined): Promise<string> {
  const { portals } = await operations.ask('portal.list', {}, Portals)
  const chosen = portals.filter((portal) => named === undefined || portal.id === named)
  if (chosen.length === 1 && chosen[0] !== undefined) return chosen[0].id
  throw new UsageError(named === undefined ? 'Which portal is meant?' : `There is no portal ${named}.`, {
    hint: 'Give --portal ID; see `callsift portal list`.',
  })
}
