import { setTimeout as sleep } from 'node:timers/promises'

/** Lets one go every so often: a switch that comes back must not have all its cameras connect in the same moment. */
export class Pacer {
  readonly #seconds: number
  #next = 0

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  /** Resolves when it is the caller's turn, or at once when aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now() / 1000
    const at = Math.max(now, this.#next)
    this.#next = at + this.#seconds
    await sleep((at - now) * 1000, undefined, { signal }).catch(() => undefined)
  }
}
