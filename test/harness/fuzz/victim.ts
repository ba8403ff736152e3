import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { PlantedFault } from './door.js'

const PROCESS = fileURLToPath(new URL('./victim-process.js', import.meta.url))

/** What the process under test says of one input. */
export type Answer =
  | { readonly kind: 'taken'; readonly result: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'crash'; readonly how: string }
  | { readonly kind: 'hang' }

export interface VictimOptions {
  readonly reader: string
  /** A good input of the same kind, for readers that need one beside. */
  readonly beside?: string
  readonly planted?: PlantedFault
  /** Milliseconds for one input. */
  readonly limitMs: number
}

/** A process that reads one input after the other with stanflow's own code, and is started again where it dies. */
export class Victim {
  readonly #options: VictimOptions
  #child: ChildProcess | undefined
  #worst = 0

  constructor(options: VictimOptions) {
    this.#options = options
  }

  /** MiB of memory that it had at most. */
  get worstMiB(): number {
    return this.#worst
  }

  async read(path: string): Promise<Answer> {
    const child = this.#child ?? this.#start()
    this.#child = child
    const answered = new Promise<Answer>((resolve) => {
      const onMessage = (answer: Answer): void => done(answer)
      const onExit = (code: number | null, signal: string | null): void => {
        this.#child = undefined
        done({ kind: 'crash', how: signal ?? `exit code ${code}` })
      }
      const done = (answer: Answer): void => {
        child.off('message', onMessage)
        child.off('exit', onExit)
        resolve(answer)
      }
      child.once('message', onMessage)
      child.once('exit', onExit)
    })
    child.send({ path })
    const waiting = new AbortController()
    const late = sleep(this.#options.limitMs, 'late', { signal: waiting.signal }).catch(() => 'done')
    const first = await Promise.race([answered, late])
    waiting.abort()
    this.#measure(child)
    if (typeof first !== 'string') return first
    child.kill('SIGKILL')
    await answered
    return { kind: 'hang' }
  }

  stop(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  #start(): ChildProcess {
    const { reader, beside = '', planted = '' } = this.#options
    return fork(PROCESS, [reader, beside, planted], {
      execArgv: ['--max-old-space-size=768'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
  }

  #measure({ pid }: ChildProcess): void {
    try {
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      this.#worst = Math.max(this.#worst, Number(peak ?? 0) / 1024)
    } catch {
      // It is gone.
    }
  }
}
