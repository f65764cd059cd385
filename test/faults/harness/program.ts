import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { asJavaScript } from '../../support/as-javascript.ts'
import { nodeOptions } from '../../support/node-options.ts'

export interface Usage {
  readonly rssMb: number
  readonly heapMb: number
  readonly loopP99Ms: number
  readonly files: number
  /** Of the main thread since it was last asked: time on a processor, and time in which it waited for one. */
  readonly ranMs: number
  readonly waitedMs: number
}

/** One process of the program under test, over all its lives. */
export interface Program {
  readonly name: string
  readonly pid: number
  alive(): boolean
  /** Starts it (again), as a supervisor would. */
  start(): void
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>
  /** Resolves with the exit code when it has ended by itself. */
  ended(): Promise<number | null>
  block(ms: number): void
  /** Whether names can be looked up in it. */
  names(state: 'fail' | 'work'): void
  usage(): Promise<Usage | null>
  /** The same after a collection: its heap is what the process keeps. */
  kept(): Promise<Usage | null>
  /** Largest resident size over all lives, MB. */
  peakMb(): number
  /** Ends that nobody asked for. */
  crashes(): number
  /** Lines written in the busiest ten seconds, a second; and since the start, a second. */
  logRate(): { busiest: number; mean: number; lines: number }
  /** The end of what it wrote. */
  said(): string
  /** Which of the secrets stood in what it wrote. */
  leaks(): string[]
}

export interface ProgramOptions {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Node's own options, before the file. */
  readonly nodeArgs?: readonly string[]
  /** A command that runs the rest: `prlimit`, `taskset`. */
  readonly wrap?: readonly string[]
  /** Must never stand in a log. */
  readonly secrets: readonly string[]
}

const inside = asJavaScript(new URL('inside-process.ts', import.meta.url))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export function startProgram(options: ProgramOptions): Program {
  let child: ChildProcess
  let ended: Promise<number | null> = Promise.resolve(null)
  let expected = false
  let crashes = 0
  let peak = 0
  let tail = ''
  const startedAt = Date.now()
  // FAULT_KEEP=folder keeps what each process writes, to read afterwards.
  const folder = process.env['FAULT_KEEP']
  const kept =
    folder === undefined || folder === ''
      ? null
      : createWriteStream(join(folder, `${options.name.replace(' ', '-')}.log`), { flags: 'a' })
  const linesBySecond = new Map<number, number>()
  const leaks = new Set<string>()

  const hear = (piece: Buffer) => {
    const text = piece.toString()
    kept?.write(piece)
    const second = Math.floor(Date.now() / 1000)
    let lines = 0
    for (const character of text) if (character === '\n') lines += 1
    linesBySecond.set(second, (linesBySecond.get(second) ?? 0) + lines)
    const window = tail.slice(-200) + text
    for (const secret of options.secrets) if (window.includes(secret)) leaks.add(secret)
    tail = (tail + text).slice(-6_000)
  }
  const notePeak = () => {
    try {
      const [, kb] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
      peak = Math.max(peak, Number(kb ?? 0) / 1024)
    } catch {
      // gone already
    }
  }
  const watching = setInterval(notePeak, 1_000)
  watching.unref()

  const start = () => {
    expected = false
    const command = [
      ...(options.wrap ?? []),
      process.execPath,
      ...nodeOptions,
      ...(options.nodeArgs ?? []),
      '--import',
      inside,
      options.file,
    ]
    const [program = '', ...args] = [...command, ...options.args]
    const started = spawn(program, args, {
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child = started
    children.add(started)
    started.stdout?.on('data', hear)
    started.stderr?.on('data', hear)
    started.on('error', (error) => hear(Buffer.from(`${error.message}\n`)))
    ended = new Promise((resolve) => {
      started.once('exit', (code) => {
        children.delete(started)
        if (!expected) crashes += 1
        resolve(code)
      })
    })
  }
  const ask = async (what: 'usage' | 'kept'): Promise<Usage | null> => {
    if (!child.connected) return null
    const asked = child
    const answer = new Promise<Usage | null>((resolve) => {
      const hearing = (message: unknown) => resolve(message as Usage)
      asked.once('message', hearing)
      setTimeout(() => {
        asked.off('message', hearing)
        resolve(null)
      }, 5_000).unref()
    })
    asked.send({ ask: what })
    return await answer
  }
  start()

  return {
    name: options.name,
    get pid() {
      return child.pid ?? 0
    },
    alive: () => child.exitCode === null && child.signalCode === null,
    start,
    signal: (signal) => {
      if (signal === 'SIGTERM') expected = true
      child.kill(signal)
    },
    kill: async () => {
      expected = true
      notePeak()
      child.kill('SIGKILL')
      await ended
    },
    ended: () => {
      expected = true
      return ended
    },
    block: (ms) => void child.send({ blockMs: ms }),
    names: (state) => void child.send({ names: state }),
    usage: () => ask('usage'),
    kept: () => ask('kept'),
    peakMb: () => {
      notePeak()
      return peak
    },
    crashes: () => crashes,
    logRate: () => {
      const lines = [...linesBySecond.values()].reduce((sum, one) => sum + one, 0)
      let busiest = 0
      for (const second of linesBySecond.keys()) {
        let sum = 0
        for (let n = 0; n < 10; n += 1) sum += linesBySecond.get(second + n) ?? 0
        busiest = Math.max(busiest, sum / 10)
      }
      return { busiest, mean: lines / Math.max(1, (Date.now() - startedAt) / 1000), lines }
    },
    said: () => tail,
    leaks: () => [...leaks],
  }
}
