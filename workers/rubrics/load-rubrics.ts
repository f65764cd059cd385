import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, YAMLParseError } from 'yaml'
import { Permanent, UsageError } from '../../src/errors.ts'
import { nameRubric, type Rubric, RubricFile } from './rubric.ts'

/** The rubrics that the program judges by. */
export interface Rubrics {
  readonly all: readonly Rubric[]
  /** Throws `Permanent` `rubric_missing`: it was there when the work was asked for. */
  find(name: string): Rubric
}

/** Beside `workers/` in the sources, and in a build, where they are copied to. */
const shipped = fileURLToPath(new URL('../../rubrics/', import.meta.url))

/**
 * Reads those that ship and those of `folder`, which win by name. Throws `UsageError` (exit 78) with every mistake of every file:
 * a rubric that is wrong must be heard at start, not at the first call of the day.
 */
export async function loadRubrics(folder: string | undefined): Promise<Rubrics> {
  const byName = new Map<string, Rubric>()
  const mistakes: string[] = []
  for (const place of folder === undefined ? [shipped] : [shipped, folder]) {
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
  return {
    all: [...byName.values()],
    find: (name) => {
      const found = byName.get(name)
      if (found !== undefined) return found
      throw new Permanent('rubric_missing', {
        message: `There is no rubric "${name}"; there are ${[...byName.keys()].join(', ')}.`,
        hint: 'Put it back into the folder that CALLSIFT_RUBRICS names and restart, then retry.',
        policy: 'fix',
      })
    },
  }
}

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

function readRubric(text: string): Rubric | { readonly mistakes: string[] } {
  try {
    const read = RubricFile.safeParse(parse(text))
    if (read.success) return nameRubric(read.data)
    return { mistakes: read.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`) }
  } catch (error) {
    if (error instanceof YAMLParseError) return { mistakes: [error.message.split('\n')[0] ?? 'is not YAML'] }
    throw error
  }
}
