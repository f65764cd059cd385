import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where a verb speaks: answers on stdout, everything about them on stderr. */
export interface Terminal {
  /** A person sits before it: progress may be drawn, questions may be asked. */
  readonly interactive: boolean
  line(text?: string): void
  json(value: unknown): void
  /** About the answer, not the answer: progress, warnings, hints. */
  note(text: string): void
  /** How far long work has come, `done` of `all`: a bar that is drawn over itself on a terminal, nothing elsewhere. */
  progress(done: number, all: number, label: string): void
  /** Colour on terminals only, and never with NO_COLOR. */
  paint(style: Style, text: string): string
}

/** A reader that has gone away (`callsift deliveries | head`) is no fault of ours. */
function forgiveClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

const barWidth = 30

export function openTerminal(out: NodeJS.WriteStream, err: NodeJS.WriteStream, input: NodeJS.ReadStream): Terminal {
  forgiveClosedPipe(out)
  forgiveClosedPipe(err)
  return {
    interactive: Boolean(input.isTTY && err.isTTY),
    line: (text = '') => void out.write(`${text}\n`),
    json: (value) => void out.write(`${JSON.stringify(value, null, 2)}\n`),
    note: (text) => void err.write(`${text}\n`),
    progress: (done, all, label) => {
      if (!(input.isTTY && err.isTTY) || all === 0) return
      const filled = Math.round((done / all) * barWidth)
      err.write(
        `\r${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${done}/${all} ${label}${done === all ? '\n' : ''}`,
      )
    },
    paint: (style, text) => styleText(style, text, { stream: out }),
  }
}
