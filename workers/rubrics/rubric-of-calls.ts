import type { PortalSettings } from '../../src/db/portal-settings.ts'
import type { Rubrics } from './load-rubrics.ts'
import { nameRubric, type Rubric } from './rubric.ts'

/** What a portal's calls are judged by: its own prompt in the place of the default rubric's. */
export function rubricOfCalls(rubrics: Rubrics, settings: Pick<PortalSettings, 'prompt'>): Rubric {
  const { id: _, ...standard } = rubrics.find('call')
  if (settings.prompt === undefined) return rubrics.find('call')
  return nameRubric({
    ...standard,
    name: 'prompt',
    instructions: settings.prompt,
    counts: [],
    against: [],
    examples: [],
  })
}
