import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Ends its command when the pipe on its stdin does, or by the signal that a line on it names: a test process that is
 * killed -9 leaves no server behind.
 */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
const GUARD = '"$@" < /dev/null & child=$!; read how; kill -${how:-TERM} $child 2> /dev/null; wait $child'

/** A server program started for tests. */
export class ServerProcess {
  readonly #guard: ChildProcess
  #said = ''

  constructor(command: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
    this.#guard = spawn('sh', ['-c', GUARD, 'sh', ...command], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    for (const stream of [this.#guard.stdout, this.#guard.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-4000)
      })
      // Whoever forgets to stop a server is not kept from ending.
      ;(stream as unknown as { unref(): void } | null)?.unref()
    }
    ;(this.#guard.stdin as unknown as { unref(): void } | null)?.unref()
    this.#guard.unref()
  }

  /** What it last said, for error messages. */
  get said(): string {
    return this.#said
  }

  get running(): boolean {
    return this.#guard.exitCode === null
  }

  /** SIGTERM, and waits until it is gone. */
  stop(): Promise<void> {
    return this.#end('')
  }

  /** SIGKILL, as when the power fails. */
  kill(): Promise<void> {
    return this.#end('KILL\n')
  }

  async #end(how: string): Promise<void> {
    if (this.#guard.exitCode !== null) return
    this.#guard.ref()
    const gone = once(this.#guard, 'exit')
    this.#guard.stdin?.end(how)
    await gone
  }
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
