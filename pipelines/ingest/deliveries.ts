import type { LiveClip } from '../../operators/index.js'
import type { CameraMetrics } from '../../src/telemetry/camera-metrics.js'
import { cameraId } from './camera-id.js'
import type { Tallies } from './counts.js'

/** Clips from the queue to where they are stored: each counts once, as delivered or as dropped. */
export class Deliveries {
  readonly #tallies: Tallies
  readonly #metrics: CameraMetrics
  readonly #storesLater: boolean
  /** Cameras of clips that are not delivered, by the clips' ids. */
  readonly #owed = new Map<string, string>()

  /** `storesLater`: the destination stores clips some time after it took them, and says so. */
  constructor(tallies: Tallies, metrics: CameraMetrics, storesLater: boolean) {
    this.#tallies = tallies
    this.#metrics = metrics
    this.#storesLater = storesLater
  }

  /** From now on it is to be delivered. */
  owe({ id, video }: LiveClip): void {
    this.#owed.set(id, cameraId(video.source))
  }

  /** The destination has them, though it may not have stored them yet. */
  taken(clips: readonly LiveClip[]): void {
    const now = Date.now() / 1000
    for (const { id, video, frames } of clips) {
      if (!this.#storesLater) this.stored(id)
      this.#metrics.latency(cameraId(video.source), now - (frames.at(-1)?.time ?? now))
    }
  }

  stored(id: string): void {
    const camera = this.#owed.get(id)
    // What was given up is counted.
    if (camera === undefined) return
    this.#owed.delete(id)
    this.#tallies.clip(camera, 'delivered')
  }

  /** What is not delivered counts as dropped. @returns how many that is */
  giveUp(): number {
    const clips = this.#owed.size
    for (const camera of this.#owed.values()) this.#tallies.clip(camera, 'dropped')
    this.#owed.clear()
    return clips
  }
}
