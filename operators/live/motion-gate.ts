import type { LiveFrame } from '../../src/domain.js'

export interface MotionGateOptions {
  /** Change of a frame from which it shows something new, in steps of brightness, 0..255. */
  readonly threshold: number
  /** Seconds after a change in which every frame is new. */
  readonly hold: number
  /** Seconds after which a frame is new though nothing has changed. */
  readonly refresh: number
}

/** One camera's frames, told apart: those that show something new, and those that show what is known. */
export class MotionGate {
  readonly #options: MotionGateOptions
  #run: number | undefined
  #moved = Number.NEGATIVE_INFINITY
  #shown = Number.NEGATIVE_INFINITY
  #frames = 0
  #gated = 0

  constructor(options: MotionGateOptions) {
    this.#options = options
  }

  /** Frames seen, and those among them that were nothing new. */
  get facts(): { readonly frames: number; readonly gated: number } {
    return { frames: this.#frames, gated: this.#gated }
  }

  /** A frame whose change was not measured is new, and so is the first of a connection. */
  isNew({ run, time, change }: Pick<LiveFrame, 'run' | 'time' | 'change'>): boolean {
    const { threshold, hold, refresh } = this.#options
    if (change === undefined || change >= threshold || run !== this.#run) this.#moved = time
    this.#run = run
    const isNew = time - this.#moved <= hold || time - this.#shown >= refresh
    if (isNew) this.#shown = time
    this.#frames++
    if (!isNew) this.#gated++
    return isNew
  }
}
