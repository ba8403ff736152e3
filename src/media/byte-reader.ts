import type { Readable } from 'node:stream'
import { StanflowError } from '../errors.js'

/** Reads exact numbers of bytes from a stream, only when asked: what is not asked for stays in the writer's pipe. */
export class ByteReader {
  readonly #stream: Readable
  /** How long a wait for data may last before it counts as a hang. */
  stallMs: number
  #rest: Uint8Array = new Uint8Array(0)
  #wake: (() => void) | undefined
  #longer: (() => void) | undefined

  /** `stallMs`: how long a wait for data may last before it counts as a hang. */
  constructor(stream: Readable, stallMs: number) {
    this.#stream = stream
    this.stallMs = stallMs
    stream.pause()
    // Failures show as an early end; whoever reads judges it.
    stream.on('error', () => undefined)
    for (const event of ['readable', 'end', 'close']) stream.on(event, () => this.#wake?.())
  }

  /** Fills `target`, or as much of it as comes before the end; the number of bytes. @throws StanflowError MEDIA_TIMEOUT */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < target.length) {
      if (this.#rest.length === 0) {
        const chunk = await this.#next()
        if (chunk === undefined) return filled
        this.#rest = chunk
      }
      const part = this.#rest.subarray(0, target.length - filled)
      target.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return filled
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#stream.read() as Buffer | null
      if (chunk !== null) return chunk
      if (this.#stream.readableEnded || this.#stream.destroyed) return undefined
      await this.#arrival()
    }
  }

  /** Whoever writes is seen to be alive in another way: a wait begins anew. */
  sign(): void {
    this.#longer?.()
  }

  /** Resolves when there may be more. */
  async #arrival(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const arrived = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.stallMs)
      this.#longer = () => timer?.refresh()
      this.#wake = () => resolve(true)
    })
    clearTimeout(timer)
    this.#wake = undefined
    this.#longer = undefined
    if (!arrived)
      throw new StanflowError('MEDIA_TIMEOUT', `the decoder gave nothing for ${this.stallMs / 1000} s`)
  }
}
