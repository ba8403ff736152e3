import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** How to start one of the fleet. */
export interface Crew {
  readonly name: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

export interface FleetCounts {
  kills: number
  /** By SIGKILL, whoever sent it. */
  deaths: number
  /** Ended by themselves, which none should. */
  fell: number
  assignments: number
  lost: number
}

/** Processes that are started again whenever they end, until they are asked to stop. */
export class Fleet {
  readonly counts: FleetCounts = { kills: 0, deaths: 0, fell: 0, assignments: 0, lost: 0 }
  readonly said: string[] = []
  /** Why processes ended by themselves. */
  readonly falls: string[] = []
  readonly #members = new Map<string, { crew: Crew; child: ChildProcess }>()
  readonly #retired = new Set<string>()
  #stopping = false

  start(crew: Crew): void {
    const child = spawn(process.execPath, [...crew.args], {
      env: crew.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#members.set(crew.name, { crew, child })
    child.stderr?.on('data', (chunk: Buffer) => this.#hear(crew.name, chunk.toString()))
    child.on('close', (code, signal) => {
      if (this.#stopping || this.#retired.has(crew.name)) return
      if (signal === 'SIGKILL') this.counts.deaths++
      else {
        this.counts.fell++
        this.falls.push(
          `${crew.name} ended with ${code ?? signal}: ${this.said
            .filter((line) => line.startsWith(crew.name))
            .slice(-3)
            .join(' / ')}`,
        )
      }
      this.start(crew)
    })
  }

  get names(): readonly string[] {
    return [...this.#members.keys()]
  }

  kill(name: string): void {
    this.counts.kills++
    this.#members.get(name)?.child.kill('SIGKILL')
  }

  pid(name: string): number {
    return this.#members.get(name)?.child.pid ?? 0
  }

  /** SIGSTOP or SIGCONT. */
  signal(name: string, signal: NodeJS.Signals): void {
    this.#members.get(name)?.child.kill(signal)
  }

  /** SIGTERM to one, which is not started again; answers with its exit code. */
  async retire(name: string): Promise<number | null> {
    this.#retired.add(name)
    const child = this.#members.get(name)?.child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await closed
    return child.exitCode
  }

  /** SIGTERM to all; answers with the exit codes. */
  async stop(): Promise<readonly (number | null)[]> {
    this.#stopping = true
    return Promise.all(
      [...this.#members.values()].map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
        const closed = once(child, 'close')
        child.kill('SIGTERM')
        const last = setTimeout(() => child.kill('SIGKILL'), 60_000)
        await closed
        clearTimeout(last)
        return child.exitCode
      }),
    )
  }

  #hear(name: string, text: string): void {
    for (const line of text.split('\n')) {
      if (line === '') continue
      if (line.includes('"partitions assigned"')) this.counts.assignments++
      if (line.includes('taken up anew')) this.counts.lost++
      this.said.push(`${name} ${line}`)
      if (this.said.length > 400) this.said.shift()
    }
  }
}
