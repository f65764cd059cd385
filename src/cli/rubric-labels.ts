import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { qualities } from './rubric-measures.ts'

const Labelled = z.strictObject({
  quality: z.enum(qualities),
  score: z.number().min(0).max(100).optional(),
  /** For whoever keeps the folder; not read. */
  note: z.string().optional(),
  text: z.string().trim().min(1),
})

export interface LabelledText {
  readonly name: string
  readonly text: string
  readonly label: { readonly quality: (typeof qualities)[number]; readonly score?: number | undefined }
}

/** Reads a folder of labelled texts. Throws `UsageError` that names each file that cannot be used. */
export async function readLabelled(folder: string): Promise<LabelledText[]> {
  const names = await readdir(folder).catch(() => {
    throw new UsageError(`There is no folder ${folder}.`, { hint: 'Give a folder with *.yaml files.' })
  })
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort()
  if (files.length === 0)
    throw new UsageError(`${folder} holds no *.yaml files.`, {
      hint: 'A labelled text is a YAML file with quality, score (may be left out) and text.',
    })
  const texts: LabelledText[] = []
  const wrong: string[] = []
  for (const name of files) {
    const read = Labelled.safeParse(readYaml(await readFile(join(folder, name), 'utf8')))
    if (!read.success) {
      wrong.push(
        `  ${name}: ${read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
      )
      continue
    }
    const { text, quality, score } = read.data
    texts.push({ name, text, label: { quality, score } })
  }
  if (wrong.length > 0)
    throw new UsageError(`These labelled texts can't be read:\n${wrong.join('\n')}`, {
      hint: 'Mend them; nothing was judged.',
    })
  return texts
}

/** What is no YAML has no shape either, and is told of with the others. */
function readYaml(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}
