import { z } from 'zod'
import type { PlacedStep, Workflow } from './define.ts'

/** All workflows of the program: from this list come job wiring, retries, verbs and rows. */
export interface Registry<Context> {
  readonly workflows: readonly Workflow<Context>[]
  workflow(name: string): Workflow<Context>
  /** Those that a person or a schedule may start, by their verb. */
  startable(verb: string): Workflow<Context> | null
  readonly verbs: readonly string[]
  step(workflow: string, name: string): { placed: PlacedStep<Context>; position: number }
  /** Whether this release of the program has such a step; a newer one may have left others in the record. */
  knows(workflow: string, name: string): boolean
  /** Every step as `workflow step`. */
  readonly known: readonly string[]
  /** JSON by `workflow step`: the names of the steps before it whose outputs it looks at; null = all of them. */
  readonly seenBy: string
  /** Every queue a worker may take work from. */
  readonly queues: readonly string[]
}

/** Throws on two workflows of one name: a registry mistake must be heard at start. */
export function createRegistry<Context>(workflows: readonly Workflow<Context>[]): Registry<Context> {
  const byName = new Map<string, Workflow<Context>>()
  for (const workflow of workflows) {
    if (byName.has(workflow.name)) throw new Error(`two workflows are named ${workflow.name}`)
    byName.set(workflow.name, workflow)
  }
  const find = (name: string) => {
    const workflow = byName.get(name)
    if (workflow === undefined) throw new Error(`no workflow is named ${name}`)
    return workflow
  }
  const known = workflows.flatMap((workflow) => workflow.steps.map((placed) => `${workflow.name} ${placed.step.name}`))
  const seenBy = workflows.flatMap((workflow) =>
    workflow.steps.map((placed, position) => [`${workflow.name} ${placed.step.name}`, namesSeen(workflow, position)]),
  )
  return {
    workflows,
    workflow: find,
    startable: (verb) => workflows.find((workflow) => workflow.startedAs === verb) ?? null,
    verbs: workflows.flatMap((workflow) => workflow.startedAs ?? []),
    known,
    seenBy: JSON.stringify(Object.fromEntries(seenBy)),
    knows: (workflow, name) => known.includes(`${workflow} ${name}`),
    step: (workflowName, name) => {
      const { steps } = find(workflowName)
      const position = steps.findIndex((placed) => placed.step.name === name)
      const placed = steps[position]
      if (placed === undefined) throw new Error(`workflow ${workflowName} has no step ${name}`)
      return { placed, position }
    },
    queues: [...new Set(workflows.flatMap((workflow) => workflow.steps.map((placed) => placed.step.queue)))],
  }
}

/** What a step's own shape names. Before a fan also what its items are chosen from: anything that stands before it, unless it says. */
function namesSeen<Context>(workflow: Workflow<Context>, position: number): readonly string[] | null {
  const shape = workflow.steps[position]?.step.input
  const following = workflow.steps[position + 1]
  const chosenFrom = following?.items == null ? [] : following.chosenFrom
  if (!(shape instanceof z.ZodObject) || chosenFrom === null) return null
  const named = [...Object.keys(shape.shape), ...chosenFrom]
  return workflow.steps.slice(0, position).flatMap(({ step }) => (named.includes(step.name) ? [step.name] : []))
}
