import { readFileSync } from 'node:fs'

const [first = ''] = readFileSync(new URL('../../src/cli.ts', import.meta.url), 'utf8').split('\n')

/** What the program asks of Node in its first line, so that what is tested and measured is what runs. */
export const nodeOptions: readonly string[] = first.split(' ').filter((word) => word.startsWith('--'))
