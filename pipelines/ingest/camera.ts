import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CameraParts,
  type FairQueue,
  type FramePool,
  type InOrder,
  keepOpen,
  type LiveClip,
  type Pacer,
  type SeenClip,
  type Widening,
  WindowCutter,
} from '../../operators/index.js'
import { inSchedule } from '../../src/config/schedule.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import type { Event } from '../../src/domain.js'
import { asStanflowError } from '../../src/errors.js'
import type { FfmpegPrograms } from '../../src/media/ffmpeg/find.js'
import type { MediaLimits } from '../../src/media/limits.js'
import { type LiveCamera, liveCamera } from '../../src/media/live/play.js'
import type { CameraFacts } from '../../src/telemetry/camera-metrics.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Tallies } from './counts.js'
import type { CameraSettings, OpenParts } from './options.js'

/** What all cameras share. */
export interface Studio {
  readonly programs: FfmpegPrograms
  readonly pool: FramePool
  readonly queue: FairQueue<LiveClip>
  /** To each camera's rules. */
  readonly seen: InOrder<LiveClip, SeenClip>
  readonly pacer: Pacer
  readonly widening: Widening
  readonly tallies: Tallies
  readonly log: Logger
  readonly side: number
  readonly limits: MediaLimits
  readonly modelDigest: string
  readonly parts: OpenParts
  readonly emit: (event: Event) => void
  /** Called before a camera is begun. */
  readonly prepare: (camera: CameraSettings) => Promise<void>
}

const PATIENCE_SECONDS = 15
const BACKOFF = { first: 0.3, most: 15 }
const LATE_SECONDS = 20
const SCHEDULE_LOOK_MS = 1000
const PAUSE_MS = 1000

/** A camera being ingested: frames → windows → the queue that all cameras share. */
export class IngestedCamera {
  readonly settings: CameraSettings
  readonly source: string
  readonly parts: CameraParts
  /** Resolves once no more clips are cut: it is stopped, or an input that ends is through. */
  readonly ended: Promise<void>
  /** Resolves once it is let go, with all that plugs into it. */
  readonly done: Promise<void>
  readonly #studio: Studio
  readonly #stopping = new AbortController()
  readonly #isOn: (unixSeconds: number) => boolean
  #isUp = false
  #isOver = false
  #isRemoved = false
  #newest: number | undefined

  constructor(settings: CameraSettings, studio: Studio) {
    this.settings = settings
    this.source = `camera:${settings.id}`
    this.#studio = studio
    this.parts = studio.parts(settings, studio.emit)
    this.#isOn =
      settings.schedule === undefined ? () => true : inSchedule(settings.schedule, settings.timezone)
    this.ended = this.#run()
    this.done = this.ended.finally(async () => {
      this.#isOver = true
      await this.parts.close?.(this.#isRemoved).catch((error: unknown) => {
        studio.log.error({ camera: settings.id, reason: String(error) }, 'camera not let go in order')
      })
    })
  }

  /** Whether nothing will come of it any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  get facts(): CameraFacts {
    const lag = this.#newest === undefined ? undefined : Date.now() / 1000 - this.#newest
    const waiting = this.#studio.queue.waitingOf(this.source)
    const isWanted = !this.#isOver && this.#isOn(Date.now() / 1000)
    return { camera: this.settings.id, isUp: this.#isUp, isWanted, lag, waiting }
  }

  /** Resolves once it cuts no more clips. */
  stop(isRemoved = false): Promise<void> {
    this.#isRemoved = isRemoved
    this.#stopping.abort()
    return this.ended
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const player = this.#player()
    while (!signal.aborted) {
      if (this.#isOn(Date.now() / 1000)) {
        // Whatever goes wrong with one camera in here, the others must not notice, and it is tried again.
        const isOver = await this.#whileOn(player).catch((error: unknown) => {
          const { code, message } = asStanflowError(error)
          this.#studio.log.error({ camera: this.settings.id, code, reason: message }, 'camera failed')
          return false
        })
        if (isOver) return
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined)
      } else {
        await sleep(SCHEDULE_LOOK_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** Plays while the schedule says so. @returns whether the input is over */
  async #whileOn(player: LiveCamera): Promise<boolean> {
    const off = new AbortController()
    const watch = setInterval(() => {
      if (!this.#isOn(Date.now() / 1000)) off.abort()
    }, SCHEDULE_LOOK_MS)
    const signal = AbortSignal.any([off.signal, this.#stopping.signal])
    const { settings, source } = this
    const { pacer, log, tallies } = this.#studio
    const cutter = this.#cutter()
    try {
      const frames = keepOpen({
        ...{ source, play: player.play, signal, pacer, backoff: BACKOFF, late: LATE_SECONDS },
        ...(settings.frozen !== undefined && { frozen: settings.frozen }),
        onEvent: (event) => this.#happened(event),
        onRetry: ({ code, message }, seconds) => {
          tallies.drop(settings.id, code)
          log.warn(
            { camera: settings.id, code, reason: message, retryIn: Number(seconds.toFixed(1)) },
            'camera lost',
          )
        },
      })
      for await (const frame of frames) {
        this.#newest = frame.time
        tallies.frame(settings.id)
        for (const clip of cutter.add(frame)) this.#cut(clip)
      }
      return !signal.aborted
    } finally {
      clearInterval(watch)
      cutter.clear()
      this.#isUp = false
    }
  }

  #player(): LiveCamera {
    const { programs, pool, side, log, limits } = this.#studio
    const { id, address, fps, region, transport, hwaccel, hwaccelDevice, keyframesOnly, loop, silence } =
      this.settings
    const { onPiece, isNew } = this.parts
    return liveCamera(programs, {
      ...{ source: this.source, address, size: side, fps, transport, hwaccel, keyframesOnly, loop, silence },
      ...(region !== undefined && { region }),
      ...(hwaccelDevice !== undefined && { hwaccelDevice }),
      patience: PATIENCE_SECONDS,
      limits,
      measureChange: isNew !== undefined,
      allocate: (bytes) => pool.allocate(bytes),
      ...(onPiece !== undefined && { onPiece }),
      onNote: (note) => log.warn({ camera: id }, note),
    })
  }

  #cutter(): WindowCutter {
    const { pool, modelDigest, widening, tallies } = this.#studio
    const { id, windows, fps, silence, keyframesOnly } = this.settings
    const { isNew } = this.parts
    return new WindowCutter({
      ...{ source: this.source, windows, fps, modelDigest, pool },
      // Keyframes may be further apart than that; what counts then is the connection, which does not outlive its stream.
      gap: keyframesOnly ? Number.POSITIVE_INFINITY : silence,
      widening: (window) => widening.of(window),
      ...(isNew !== undefined && { isNew }),
      onWidened: () => tallies.clip(id, 'widened'),
    })
  }

  #cut(clip: LiveClip): void {
    const { tallies, queue, pool, seen } = this.#studio
    tallies.clip(this.settings.id, 'cut')
    seen.enter(this.source, clip)
    if (!clip.isStill) {
      queue.offer(this.source, clip)
      return
    }
    for (const { pixels } of clip.frames) pool.release(pixels)
    tallies.clip(this.settings.id, 'still')
    const { id: clipId, start, end, sampling } = clip
    seen.settle(this.source, clip, {
      ...{ clipId, source: this.source, start, end, series: samplingSlug(sampling) },
    })
  }

  #happened(event: Event): void {
    const { log, emit } = this.#studio
    this.#isUp = event.kind === 'camera-up'
    const { kind, start, end, code } = event
    log.info({ camera: this.settings.id, start, end, code }, kind)
    emit(event)
  }
}
