import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, YAMLParseError } from 'yaml'
import { Permanent, UsageError } from '../../src/errors.ts'
import { shipped } from '../../src/shipped.ts'
import { type ContactRubric, ContactRubricFile, nameContactRubric } from './contact-rubric.ts'
import { nameProductRubric, type ProductRubric, ProductRubricFile } from './product-rubric.ts'
import { nameRubric, type Rubric, RubricFile } from './rubric.ts'

/** The rubrics that the program judges, writes and extracts by. Each `find` throws `Permanent` `rubric_missing`: it was there when the work was asked for. */
export interface Rubrics {
  /** Those that calls and leads are judged by. */
  readonly all: readonly Rubric[]
  /** All others. */
  readonly others: readonly (ProductRubric | ContactRubric)[]
  find(name: string): Rubric
  findProduct(name: string): ProductRubric
  findContact(name: string): ContactRubric
}

type AnyRubric = Rubric | ProductRubric | ContactRubric

const shippedRubrics = fileURLToPath(shipped('rubrics/'))

/**
 * Reads those that ship and those of `folder`, which win by name. Throws `UsageError` (exit 78) with every mistake of every file:
 * a rubric that is wrong must be heard at start, not at the first call of the day.
 */
export async function loadRubrics(folder: string | undefined): Promise<Rubrics> {
  const byName = new Map<string, AnyRubric>()
  const mistakes: string[] = []
  for (const place of folder === undefined ? [shippedRubrics] : [shippedRubrics, folder]) {
    for (const file of await listFiles(place)) {
      const read = readRubric(await readFile(join(place, file), 'utf8'))
      if ('mistakes' in read) mistakes.push(...read.mistakes.map((mistake) => `  ${join(place, file)}: ${mistake}`))
      else byName.set(read.name, read)
    }
  }
  if (mistakes.length > 0)
    throw new UsageError(`The rubrics can't be used:\n${mistakes.join('\n')}`, {
      exitCode: 78,
      hint: 'docs/workflows.md tells what a rubric is made of.',
    })
  const every = [...byName.values()]
  const finder =
    <Kind extends AnyRubric>(what: string, is: (rubric: AnyRubric) => rubric is Kind) =>
    (name: string): Kind => {
      const found = byName.get(name)
      if (found !== undefined && is(found)) return found
      const names = every.filter(is).map((rubric) => rubric.name)
      throw new Permanent('rubric_missing', {
        message: `There is no rubric "${name}" ${what}; there are ${names.join(', ')}.`,
        hint: 'Put it back into the folder that CALLSIFT_RUBRICS names and restart, then retry.',
        policy: 'fix',
      })
    }
  return {
    all: every.filter(isJudging),
    others: [...every.filter(isOfProducts), ...every.filter(isOfContacts)],
    find: finder('to judge by', isJudging),
    findProduct: finder('to write about products by', isOfProducts),
    findContact: finder('to extract contacts by', isOfContacts),
  }
}

const isJudging = (rubric: AnyRubric): rubric is Rubric => 'judges' in rubric
const isOfProducts = (rubric: AnyRubric): rubric is ProductRubric => 'writes' in rubric
const isOfContacts = (rubric: AnyRubric): rubric is ContactRubric => 'extracts' in rubric

async function listFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort()
  } catch (error) {
    throw new UsageError(`The folder of rubrics ${folder} can't be read: ${String(error)}`, {
      exitCode: 78,
      hint: 'CALLSIFT_RUBRICS names a folder with *.yaml files; leave it out to use those that ship.',
    })
  }
}

/** What a file says it is for chooses its shape. */
const kinds = {
  judges: (given: unknown) => RubricFile.transform(nameRubric).safeParse(given),
  writes: (given: unknown) => ProductRubricFile.transform(nameProductRubric).safeParse(given),
  extracts: (given: unknown) => ContactRubricFile.transform(nameContactRubric).safeParse(given),
}

function readRubric(text: string): AnyRubric | { readonly mistakes: string[] } {
  try {
    const given: unknown = parse(text)
    const says = (key: string) => typeof given === 'object' && given !== null && key in given
    const read = kinds[says('writes') ? 'writes' : says('extracts') ? 'extracts' : 'judges'](given)
    if (read.success) return read.data
    return { mistakes: read.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`) }
  } catch (error) {
    if (error instanceof YAMLParseError) return { mistakes: [error.message.split('\n')[0] ?? 'is not YAML'] }
    throw error
  }
}
