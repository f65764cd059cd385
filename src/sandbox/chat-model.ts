import { readInstruction } from './gullible.ts'

/**
 * The sandbox's answer in a chat: it says how many lines it was shown and repeats the last one, and what it was told of a last call. The
 * gullible one also repeats what an order in the dialogue makes of its verdict, links and all.
 */
export function converse(dialogue: string, gullible: boolean): string {
  const lines = dialogue.split('\n')
  const said = lines.filter((line) => /^(?:user|bot): /.test(line))
  const last = said.at(-1)?.replace(/^user: /, '') ?? ''
  const call = lines.find((line) => line.startsWith('last call'))
  const russian = /\p{Script=Cyrillic}/u.test(last)
  const parts = [
    `SANDBOX: ${russian ? 'вы написали' : 'you wrote'} «${last.slice(0, 200)}» (${said.length}).`,
    ...(call === undefined ? [] : [call.slice(0, 300)]),
  ]
  if (gullible) parts.push(String(readInstruction(dialogue)['reason'] ?? ''))
  return parts.join(' ').trim()
}

/** Prose over the figures of a report: sentences with numbers that stand in them. */
export function reportProse(figures: string): string {
  const number = (name: string) => new RegExp(`"${name}": ?(\\d+(?:\\.\\d+)?)`).exec(figures)?.[1] ?? '0'
  const group = /"name": ?"(\[[A-Z-]+\])"/.exec(figures)?.[1]
  const leading = group === undefined ? '' : ` ${group} leads the list.`
  return `SANDBOX: ${number('calls')} calls, ${number('leads')} leads, conversion ${number('conversion')}%.${leading}`
}
