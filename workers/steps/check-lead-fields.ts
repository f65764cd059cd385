import { z } from 'zod'
import { Permanent } from '../../src/errors.ts'
import { missingLeadFields } from '../../src/wire/lead-fields.ts'
import { ScoreLeadsInput } from '../leads/score-leads-input.ts'
import { step } from '../step.ts'

/** Before anything is paid for: a portal drops a user field that it does not have without a word. */
export const checkLeadFields = step({
  name: 'checkLeadFields',
  queue: 'leads',
  family: 'crm',
  input: z.object({ run: ScoreLeadsInput }),
  output: z.object({ writes: z.boolean() }),
  async run(context, { run }) {
    // A rubric that is gone is heard here, once, and not by every lead.
    context.rubrics.find(run.rubric)
    const writes = context.config.write && context.portal.writeEnabled && !run.dryRun
    if (!writes) return { writes }
    const missing = missingLeadFields(await context.vibecode.userFields.names('leads'))
    if (missing.length === 0) return { writes }
    throw new Permanent('lead_fields_missing', {
      message: `Leads of portal ${context.portal.id} have no field ${missing.map((field) => field.name).join(', ')}, so a score has no place.`,
      hint: `Create them: callsift portal fields ${context.portal.id} --yes. Then start the scoring again.`,
      policy: 'fix',
    })
  },
})
