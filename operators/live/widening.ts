/** How crowded the queue of clips is, as a share of its room, from which strides are widened. */
const CROWDED = 0.5
/** Seconds for which it is crowded, or idle, before anything changes. */
const CROWDED_SECONDS = 2
const IDLE_SECONDS = 20
/** Share of the time for which the model may be at work and still count as idle: twice the load must fit. */
const IDLE_SHARE = 0.4
const MOST = 64

/**
 * Decides by how much strides are widened, for all cameras alike: doubled while clips wait, halved again once the model
 * would have time for twice as many. Never so wide that windows leave time out between them.
 */
export class Widening {
  #factor = 1
  #crowdedSince: number | undefined
  #idleSince: number | undefined

  get factor(): number {
    return this.#factor
  }

  /** For windows of this length and stride. */
  of({ length, stride }: { readonly length: number; readonly stride: number }): number {
    return Math.min(this.#factor, Math.max(1, Math.floor(length / stride + 1e-6)))
  }

  /**
   * Looks at the state of things, a few times a second. @returns whether anything changed
   * @param crowded how full the queue is, 0 to 1
   * @param busy share of the time since the last look for which the model was at work
   * @param now seconds
   */
  look(crowded: number, busy: number, now: number): boolean {
    this.#crowdedSince = crowded < CROWDED ? undefined : (this.#crowdedSince ?? now)
    this.#idleSince = crowded >= CROWDED || busy > IDLE_SHARE ? undefined : (this.#idleSince ?? now)
    if (this.#crowdedSince !== undefined && now - this.#crowdedSince >= CROWDED_SECONDS) {
      this.#crowdedSince = undefined
      return this.#set(this.#factor * 2)
    }
    if (this.#idleSince !== undefined && now - this.#idleSince >= IDLE_SECONDS) {
      this.#idleSince = undefined
      return this.#set(this.#factor / 2)
    }
    return false
  }

  #set(factor: number): boolean {
    const before = this.#factor
    this.#factor = Math.min(MOST, Math.max(1, factor))
    return this.#factor !== before
  }
}
