import type { DemoEntry } from './demo-calls.ts'
import type { Terminal } from './terminal.ts'

const width = 100

/** Breaks text at spaces, `indent` before each line. */
export function wrapText(text: string, indent: string, maxWidth = width): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && indent.length + line.length + 1 + word.length > maxWidth) {
        lines.push(indent + line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(indent + line)
  }
  return lines
}

const qualityStyles = { high: 'green', medium: 'yellow', low: 'red' } as const

function paintTitle(terminal: Terminal, title: string): string {
  for (const [quality, style] of Object.entries(qualityStyles)) {
    if (title.includes(`: ${quality} `)) return terminal.paint(['bold', style], title)
  }
  return terminal.paint('bold', title)
}

export function printEntry(terminal: Terminal, entry: DemoEntry): void {
  const { call, recording } = entry
  const indent = '          '
  const direction = recording.direction === 'in' ? 'incoming' : 'outgoing'
  const facts = `${recording.language.toUpperCase()}, ${direction} ${call.phone}, ${call.durationSeconds} s: ${recording.title}`
  terminal.line()
  terminal.line(
    `${terminal.paint('cyan', `${entry.seconds.toFixed(1).padStart(6)} s`)}  ${paintTitle(terminal, entry.title)}`,
  )
  for (const line of wrapText(entry.reason, indent)) terminal.line(line)
  const place = call.dealId !== null ? `deal ${call.dealId}` : `lead ${call.leadId}`
  for (const line of wrapText(facts, indent)) terminal.line(terminal.paint('dim', line))
  terminal.line(terminal.paint('dim', `${indent}${place} · call ${call.callId} · ${entry.ref}`))
}

/** Where to look now, and how to go on with a portal of one's own. */
export function printNext(terminal: Terminal, login: string, url: string, dataDir: string): void {
  terminal.line()
  terminal.line(
    `${terminal.paint('bold', 'The service is running at')} ${terminal.paint('cyan', url)} ${terminal.paint('yellow', '(SANDBOX: nothing here is real)')}`,
  )
  terminal.line(`  Look at it:    ${login}`)
  terminal.line(`  Ask it:        CALLSIFT_DATA=${dataDir} npm run callsift -- status`)
  terminal.line()
  terminal.line('With a real portal:')
  terminal.line('  1. Make a personal VibeCode key with the scopes vibe:ai, crm, disk, telephony and user.')
  terminal.line('  2. callsift portal add        asks for what it needs, tests each scope, begins in observe mode')
  terminal.line('  3. callsift serve             and give Bitrix24 the handler URL that `portal add` printed')
}
