import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { StanflowError } from '../../errors.js'
import { ByteReader } from '../byte-reader.js'
import { limited } from '../limits.js'
import { HEADER_BYTES, Kind, type Task } from './protocol.js'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const STDERR_KEPT = 2000

/** One record from the byte pipe. */
export interface Record {
  readonly kind: number
  readonly value: number
  readonly body: Uint8Array
}

/** A decoder process. One task at a time; a task that is left early costs the process. */
export class DecoderProcess {
  readonly #child: ChildProcess
  readonly #pipe: Readable
  readonly #bytes: ByteReader
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #stderr = ''
  #exited = false
  #busy = false

  /** `memory`: bytes that it may take. */
  constructor(stallMs: number, memory: number) {
    const { program, args } = limited(process.execPath, { memory })
    this.#child = fork(CHILD, {
      execPath: program,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ipc'],
      // What libav allocates is seen by no garbage collector: it had better run often.
      execArgv: [...args, '--max-semi-space-size=1'],
      serialization: 'advanced',
    })
    this.#pipe = this.#child.stdio[3] as Readable
    this.#bytes = new ByteReader(this.#pipe, stallMs)
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT)
    })
    this.#child.on('exit', () => {
      this.#exited = true
    })
    // A failed start shows as an early end of the pipe.
    this.#child.on('error', () => this.#pipe.destroy())
    this.idle()
  }

  /** Free for another task. */
  get usable(): boolean {
    return !this.#busy && !this.#exited && this.#child.connected
  }

  /** What libav last said. */
  get stderr(): string {
    return this.#stderr.trim()
  }

  start(task: Task): void {
    this.#stderr = ''
    this.#busy = true
    this.#reference('ref')
    this.#child.send(task)
  }

  /** The next record; frames go where `allocate` says. @throws StanflowError MEDIA_CRASH, MEDIA_TIMEOUT */
  async record(path: string, allocate?: (bytes: number) => Uint8Array): Promise<Record> {
    const header = this.#header
    if ((await this.#bytes.fill(header)) < HEADER_BYTES) throw this.#crash(path)
    const kind = header.readUInt32LE(0)
    const value = header.readUInt32LE(4)
    const length = header.readUInt32LE(8)
    const body = (kind === Kind.frame ? allocate?.(length) : undefined) ?? new Uint8Array(length)
    if ((await this.#bytes.fill(body)) < length) throw this.#crash(path)
    this.#busy = kind !== Kind.end && kind !== Kind.failed
    return { kind, value, body }
  }

  /** An idle process keeps nobody waiting at the end. */
  idle(): void {
    this.#reference('unref')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#pipe.destroy()
  }

  #reference(how: 'ref' | 'unref'): void {
    this.#child[how]()
    const handles = [this.#pipe, this.#child.stderr] as unknown as ({
      ref?: () => void
      unref?: () => void
    } | null)[]
    for (const handle of handles) handle?.[how]?.()
    this.#child.channel?.[how]()
  }

  #crash(path: string): StanflowError {
    return new StanflowError('MEDIA_CRASH', `the decoder process ended on ${path}`, { cause: this.stderr })
  }
}
