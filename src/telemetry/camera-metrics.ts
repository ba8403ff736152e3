import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const SECONDS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30]

export type ClipOutcome = 'cut' | 'delivered' | 'dropped' | 'still' | 'widened'

/** A camera as gauges see it. */
export interface CameraFacts {
  readonly camera: string
  readonly isUp: boolean
  /** Whether pictures are expected: not outside of its schedule, nor after the end of a file. */
  readonly isWanted: boolean
  /** Seconds from when its newest frame was taken until now. */
  readonly lag: number | undefined
  readonly waiting: number
}

/** What cameras tell Prometheus; labels are ids, never addresses. */
export class CameraMetrics {
  readonly #clips: Counter<'camera' | 'outcome'>
  readonly #frames: Counter<'camera'>
  readonly #drops: Counter<'camera' | 'code'>
  readonly #latency: Histogram<'camera'>

  constructor(registry: Registry, facts: { cameras(): readonly CameraFacts[]; widening(): number }) {
    const registers = [registry]
    this.#clips = new Counter({
      ...{ name: 'stanflow_camera_clips_total', registers, labelNames: ['camera', 'outcome'] },
      help: 'Clips cut, and what became of them: delivered, dropped, still; widened ones were not cut',
    })
    this.#frames = new Counter({
      ...{ name: 'stanflow_camera_frames_total', help: 'Frames sampled', registers, labelNames: ['camera'] },
    })
    this.#drops = new Counter({
      ...{ name: 'stanflow_camera_drops_total', registers, labelNames: ['camera', 'code'] },
      help: 'Connections that ended or came to nothing, by error code',
    })
    this.#latency = new Histogram({
      ...{ name: 'stanflow_camera_latency_seconds', registers, labelNames: ['camera'], buckets: SECONDS },
      help: "From a clip's last frame to its result delivered",
    })
    const gauge = (name: string, help: string, of: (facts: CameraFacts) => number | undefined): void => {
      new Gauge({
        ...{ name, help, labelNames: ['camera'], registers },
        collect() {
          this.reset()
          for (const camera of facts.cameras()) {
            const value = of(camera)
            if (value !== undefined) this.set({ camera: camera.camera }, value)
          }
        },
      })
    }
    gauge('stanflow_camera_up', '1 while frames come', ({ isUp }) => Number(isUp))
    gauge('stanflow_camera_wanted', '1 while frames are expected', ({ isWanted }) => Number(isWanted))
    gauge('stanflow_camera_lag_seconds', 'Age of the newest frame', ({ lag }) => lag)
    gauge('stanflow_camera_waiting', 'Clips that wait for the model', ({ waiting }) => waiting)
    new Gauge({
      ...{ name: 'stanflow_widening', help: 'By how much strides are widened; 1: not', registers },
      collect() {
        this.set(facts.widening())
      },
    })
  }

  clip(camera: string, outcome: ClipOutcome): void {
    this.#clips.inc({ camera, outcome })
  }

  frame(camera: string): void {
    this.#frames.inc({ camera })
  }

  drop(camera: string, code: string): void {
    this.#drops.inc({ camera, code })
  }

  latency(camera: string, seconds: number): void {
    this.#latency.observe({ camera }, Math.max(0, seconds))
  }
}
