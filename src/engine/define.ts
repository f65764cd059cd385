import type { z } from 'zod'
import { isPage, type Page } from './page.ts'

/** Which of a key's gates a step stands behind; `none` for steps that ask nothing of the upstream. */
export type StepFamily = 'ai' | 'crm' | 'portal' | 'none'

/** What the engine tells a step about the attempt it is. */
export interface StepScope {
  readonly runId: string
  readonly runKey: string
  readonly workflow: string
  readonly portalId: string
  readonly generation: number
  readonly runCreatedAt: Date
  readonly stepId: string
  readonly stepName: string
  readonly index: number
  readonly fence: number
  readonly workerId: string
  /** Failed attempts before this one. */
  readonly attempts: number
  /** How often this step was put off (`Later`) before. */
  readonly laters: number
  /** Where a paging step stood when it last ended with a cursor. */
  readonly cursor: unknown
  /** Aborted when the lease is lost or the program is asked to stop. */
  readonly signal: AbortSignal
}

export interface StepDefinition<
  Context,
  Name extends string = string,
  In extends z.ZodType = z.ZodType,
  Out extends z.ZodType = z.ZodType,
> {
  readonly name: Name
  /** The queue whose workers run it; also the name of its concurrency setting. */
  readonly queue: string
  readonly family: StepFamily
  /** Of everything that stands before the step (run input under `run`, outputs by step name, the fan's `item`), what it sees. */
  readonly input: In
  readonly output: Out
  run(context: Context, input: z.output<In>): Promise<NoInfer<z.input<Out>> | Page>
}

/** Why a run is over before its last step (`no_speech`), or null to go on. */
export type EndRule<Output> = (output: Output) => string | null

export interface PlacedStep<Context> {
  readonly step: StepDefinition<Context>
  readonly each: boolean
  readonly items: ((seen: Record<string, unknown>) => readonly unknown[]) | null
  /** The steps whose outputs a fan's items are chosen from; null = any that stand before it. */
  readonly chosenFrom: readonly string[] | null
  readonly endsWhen: EndRule<unknown> | null
}

export interface Workflow<Context> {
  readonly name: string
  readonly input: z.ZodType
  readonly steps: readonly PlacedStep<Context>[]
  /** The verb by which a person or a schedule starts it; null = something else creates its runs. */
  readonly startedAs: string | null
}

type Seen = Record<string, unknown>
type ItemOf<In extends z.ZodType> = z.input<In> extends { item: infer Item } ? Item : never

/** A workflow under construction; `Before` is the type of all that the next step may see. */
export interface WorkflowBuilder<Context, Before extends Seen> extends Workflow<Context> {
  step<Name extends string, In extends z.ZodType, Out extends z.ZodType>(
    step: StepDefinition<Context, Name, In, Out> & (Before extends z.input<In> ? unknown : { readonly input: never }),
    rules?: { readonly endsWhen?: EndRule<z.output<Out>> },
  ): WorkflowBuilder<Context, Before & Record<Name, z.output<Out>>>
  each<Name extends string, In extends z.ZodType, Out extends z.ZodType>(
    step: StepDefinition<Context, Name, In, Out> &
      (Before & { item: ItemOf<In> } extends z.input<In> ? unknown : { readonly input: never }),
    items: (before: Before) => readonly ItemOf<In>[],
    rules?: { readonly chosenFrom?: readonly (keyof Before & string)[] },
  ): WorkflowBuilder<Context, Before & Record<Name, z.output<Out>[]>>
}

function build<Context, Before extends Seen>(
  name: string,
  input: z.ZodType,
  steps: readonly PlacedStep<Context>[],
  startedAs: string | null,
): WorkflowBuilder<Context, Before> {
  const place = (placed: PlacedStep<Context>) => {
    if (steps.some((one) => one.step.name === placed.step.name)) {
      throw new Error(`workflow ${name} has two steps named ${placed.step.name}`)
    }
    return build<Context, never>(name, input, [...steps, placed], startedAs)
  }
  return {
    name,
    input,
    steps,
    startedAs,
    step: (step, rules) =>
      place({
        step,
        each: false,
        items: null,
        chosenFrom: null,
        endsWhen: (rules?.endsWhen as EndRule<unknown> | undefined) ?? null,
      }),
    each: (step, items, rules) =>
      place({
        step,
        each: true,
        items: items as (seen: Seen) => readonly unknown[],
        chosenFrom: rules?.chosenFrom ?? null,
        endsWhen: null,
      }),
  } as WorkflowBuilder<Context, Before>
}

/** `defineWorkflow('call', CallInput).step(a).each(b, ({ a }) => a.parts).step(c)`: which steps in which order, and what starts it. */
export function defineWorkflow<Context, Input extends z.ZodType>(
  name: string,
  input: Input,
  start: { readonly startedAs?: string } = {},
): WorkflowBuilder<Context, { run: z.output<Input> }> {
  return build(name, input, [], start.startedAs ?? null)
}

/** A step whose types are inferred from its zod shapes. */
export function defineStep<Context>() {
  return <Name extends string, In extends z.ZodType, Out extends z.ZodType>(
    step: StepDefinition<Context, Name, In, Out>,
  ): StepDefinition<Context, Name, In, Out> => step
}

/** Checks what a step returned against its output shape; of a page, the last one's. */
export function readOutput<Context>(step: StepDefinition<Context>, returned: unknown): unknown {
  if (!isPage(returned)) return step.output.parse(returned)
  return returned.cursor === null ? { ...returned, output: step.output.parse(returned.output) } : returned
}
