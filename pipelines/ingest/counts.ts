import type { CameraMetrics, ClipOutcome } from '../../src/telemetry/camera-metrics.js'
import type { CameraCounts } from './options.js'

type Counts = { -readonly [K in keyof CameraCounts]: CameraCounts[K] }

/** Counts each camera's clips, here and for Prometheus. */
export class Tallies {
  readonly #counts = new Map<string, Counts>()
  readonly #metrics: CameraMetrics

  constructor(metrics: CameraMetrics) {
    this.#metrics = metrics
  }

  clip(camera: string, outcome: ClipOutcome): void {
    this.#of(camera)[outcome]++
    this.#metrics.clip(camera, outcome)
  }

  frame(camera: string): void {
    this.#of(camera).frames++
    this.#metrics.frame(camera)
  }

  drop(camera: string, code: string): void {
    this.#of(camera).drops++
    this.#metrics.drop(camera, code)
  }

  event(camera: string): void {
    this.#of(camera).events++
  }

  get all(): readonly CameraCounts[] {
    return [...this.#counts.values()].map((counts) => ({ ...counts }))
  }

  #of(camera: string): Counts {
    const known = this.#counts.get(camera)
    if (known !== undefined) return known
    const zero = { frames: 0, cut: 0, delivered: 0, dropped: 0, still: 0, widened: 0, drops: 0, events: 0 }
    const made = { camera, ...zero }
    this.#counts.set(camera, made)
    return made
  }
}
