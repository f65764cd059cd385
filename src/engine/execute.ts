import type { Claim } from './claim.ts'
import { readOutput } from './define.ts'
import type { Attempt } from './engine.ts'
import { inputHash } from './input-hash.ts'
import { failureOutcome, type Outcome, valueOutcome } from './outcome.ts'
import { arrangeSeen } from './place.ts'
import type { Registry } from './registry.ts'

/** Runs one attempt of a claimed step and says how it ended; never throws. */
export async function executeStep<Context>(options: {
  registry: Registry<Context>
  claim: Claim
  signal: AbortSignal
  withContext: <Value>(attempt: Attempt, use: (context: Context) => Promise<Value>) => Promise<Value>
  noteRequest: (requestId: string) => void
  stopping: () => boolean
}): Promise<Outcome> {
  const { registry, claim, signal } = options
  // Stopped, or taken over, while it waited for its turn in this process: nothing has begun, so nothing begins.
  if (signal.aborted) return { kind: 'released' }
  try {
    const { placed } = registry.step(claim.workflow, claim.stepName)
    const workflow = registry.workflow(claim.workflow)
    const seen = arrangeSeen(workflow, claim.runInput, claim.before)
    const input = placed.step.input.parse(placed.each ? { ...seen, item: claim.item } : seen)
    const attempt: Attempt = {
      claim,
      runId: claim.runId,
      runKey: claim.runKey,
      workflow: claim.workflow,
      portalId: claim.portalId,
      generation: claim.generation,
      runCreatedAt: claim.runCreatedAt,
      stepId: claim.stepId,
      stepName: claim.stepName,
      index: claim.index,
      fence: claim.fence,
      workerId: claim.workerId,
      attempts: claim.attempts,
      laters: claim.laters,
      cursor: claim.cursor,
      signal,
      noteRequest: options.noteRequest,
    }
    const returned = await options.withContext(attempt, (context) => placed.step.run(context, input))
    return valueOutcome(readOutput(placed.step, returned), inputHash(placed.step.name, input))
  } catch (error) {
    // What broke because we stopped it says nothing about the step.
    if (signal.aborted && options.stopping()) return { kind: 'released' }
    return failureOutcome(error)
  }
}
