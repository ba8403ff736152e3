import { lastValueFrom, type Observable, tap } from 'rxjs'
import {
  Budget,
  batch,
  FairQueue,
  FramePool,
  InOrder,
  type LiveClip,
  Pacer,
  pull,
  type SeenClip,
} from '../../operators/index.js'
import type { Event } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import type { StanflowError } from '../../src/errors.js'
import type { FfmpegPrograms } from '../../src/media/ffmpeg/find.js'
import { LIMITS } from '../../src/media/limits.js'
import { checkHwaccel } from '../../src/media/live/hwaccel.js'
import { CameraMetrics } from '../../src/telemetry/camera-metrics.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { cameraId } from './camera-id.js'
import { CameraSet } from './camera-set.js'
import type { ClipStage } from './clip-stage.js'
import { Tallies } from './counts.js'
import { Deliveries } from './deliveries.js'
import type { OpenDestination } from './destination.js'
import { drain } from './drain.js'
import { EventQueue } from './event-queue.js'
import { Inference } from './inference.js'
import { Load } from './load.js'
import type { Models } from './models.js'
import type { CameraCounts, CameraSettings, IngestHooks, IngestOptions } from './options.js'
import { sendClips } from './send-clips.js'

export interface JobParts {
  readonly options: IngestOptions
  readonly hooks: IngestHooks
  readonly log: Logger
  readonly metrics: Metrics
  readonly programs: FfmpegPrograms
  readonly destination: OpenDestination
  /** Told by the destination what is stored. */
  readonly stored: { onStored: (clipIds: readonly string[]) => void }
  /** Absent in split mode. */
  readonly model: { readonly models: Models; readonly info: ModelInfo } | undefined
  /** Aborted when what cannot be delivered is to be given up. */
  readonly giveUp: AbortController
}

/** Clips of each of a camera's windows that may wait for the model. */
const WAITING = 2
/** Seconds from one connection to the next, over all cameras. */
const PACE_SECONDS = 0.15
/** Seconds after its end from which a clip gives way to the next of its camera. */
const STALE_SECONDS = 5

/** The picture: cameras → windows → fair queue → batches → embeddings → labels → topics or files. */
export class IngestJob {
  readonly #parts: JobParts
  readonly #pool = new FramePool()
  readonly #load: Load
  readonly #budget: Budget
  readonly #queue: FairQueue<LiveClip>
  readonly #tallies: Tallies
  readonly #deliveries: Deliveries
  readonly #cameras: CameraSet
  readonly #events: EventQueue
  readonly #seen: InOrder<LiveClip, SeenClip>
  readonly #inference: Inference | undefined
  #givenUp: string | undefined

  constructor(parts: JobParts) {
    const { options, hooks, log, metrics, programs, destination, model } = parts
    const { sink } = destination
    this.#parts = parts
    this.#load = new Load(options.batch)
    // One batch: the next is gathered when the model is free for it, of what is the newest then.
    this.#budget = new Budget(() => this.#load.batchSize)
    this.#queue = new FairQueue({
      limit: () => this.#room,
      isStale: ({ end }) => Date.now() / 1000 - end > STALE_SECONDS,
      onDropped: (clip) => this.#dropped(clip),
    })
    const cameraMetrics = new CameraMetrics(metrics.registry, {
      cameras: () => this.#cameras.all.map(({ facts }) => facts),
      widening: () => this.#load.widening.factor,
    })
    this.#tallies = new Tallies(cameraMetrics)
    this.#deliveries = new Deliveries(this.#tallies, cameraMetrics, sink.storesLater ?? false)
    this.#events = new EventQueue(sink, {
      onFailure: (error) => log.error({ reason: String(error) }, 'events were lost'),
      giveUp: parts.giveUp.signal,
    })
    this.#seen = new InOrder((source, clip) => this.#cameras.of(source)?.parts.onClip?.(clip))
    parts.stored.onStored = (ids) => {
      for (const id of ids) this.#deliveries.stored(id)
    }
    const shared = { pool: this.#pool, load: this.#load, seen: this.#seen }
    this.#inference = model && new Inference({ ...shared, ...model, sink, metrics })
    this.#cameras = new CameraSet({
      ...{ programs, log, pool: this.#pool, queue: this.#queue, seen: this.#seen },
      widening: this.#load.widening,
      ...{ tallies: this.#tallies, pacer: new Pacer(PACE_SECONDS), parts: hooks.parts ?? (() => ({})) },
      ...{ side: model?.info.size ?? options.side, modelDigest: model?.info.digest ?? 'pictures' },
      limits: options.limits ?? LIMITS,
      prepare: (camera) => this.#prepare(camera),
      emit: (event) => this.#emit(event),
    })
    if (model !== undefined) metrics.batchSize(options.batch)
    metrics.watch({ lanes: () => [], clipsInFlight: () => this.#budget.inFlight + this.#queue.size })
  }

  get counts(): readonly CameraCounts[] {
    return this.#tallies.all
  }

  /** What was given up at the end, in words. */
  get givenUp(): string | undefined {
    return this.#givenUp
  }

  async run(): Promise<void> {
    const { options, hooks, log, giveUp } = this.#parts
    const stop = (): void => void this.#cameras.stop()
    hooks.signal?.addEventListener('abort', stop, { once: true })
    // While the model was loading, say.
    if (hooks.signal?.aborted) stop()
    const unwatch = this.#load.watch(
      () => this.#queue.size / this.#room,
      (factor) => log.warn({ factor }, 'strides are other than asked for'),
    )
    const results = lastValueFrom(this.#results(), { defaultValue: [] })
    // Without results there is no use in cameras.
    results.catch(stop)
    try {
      const begun = this.#cameras.become(options.cameras)
      hooks.onWaiting?.(() => this.#waiting())
      hooks.onReady?.()
      if (hooks.changes !== undefined) void this.#cameras.follow(hooks.changes)
      await Promise.race([this.#cameras.through(hooks.changes !== undefined), this.#hopeless(begun)])
      await drain(() => this.#deliver(results), giveUp, options.drainSeconds)
    } finally {
      this.#dropRest()
      hooks.signal?.removeEventListener('abort', stop)
      unwatch()
      giveUp.abort()
      await this.#cameras.stop()
    }
  }

  /** Rejects where not one camera can be begun; else never ends. */
  async #hopeless(begun: Promise<readonly StanflowError[]>): Promise<never> {
    const failures = await begun
    const [first] = failures
    if (first !== undefined && failures.length === this.#cameras.size) throw first
    return new Promise(() => undefined)
  }

  #results(): Observable<readonly LiveClip[]> {
    return pull(this.#queue.items(), this.#budget).pipe(
      tap((clip) => {
        this.#budget.take()
        this.#deliveries.owe(clip)
      }),
      batch({
        ...{ size: () => this.#load.batchSize, deadline: this.#parts.options.batchDeadline * 1000 },
        busy: () => this.#load.isBusy,
      }),
      this.#stage(),
      tap((clips) => {
        this.#deliveries.taken(clips)
        this.#budget.give(clips.length)
      }),
    )
  }

  #stage(): ClipStage {
    const { clips } = this.#parts.destination
    if (clips === undefined) return (this.#inference as Inference).stage()
    return sendClips(clips, { pool: this.#pool, load: this.#load, seen: this.#seen })
  }

  /** Lets cameras go and delivers what was cut. */
  async #deliver(results: Promise<unknown>): Promise<void> {
    await this.#cameras.stop()
    this.#queue.close()
    await results
    await this.#parts.destination.sink.flush?.()
    await this.#cameras.close()
    await Promise.all(this.#cameras.all.map(({ parts }) => parts.settle?.()))
    await this.#events.settled()
  }

  /** What was cut and is not delivered counts as dropped. */
  #dropRest(): void {
    this.#queue.close()
    this.#queue.clear()
    const [clips, events] = [this.#deliveries.giveUp(), this.#events.undelivered]
    if (clips + events === 0) return
    this.#givenUp = `${clips} clips and ${events} events could not be delivered in time`
    this.#parts.log.error({ clips, events }, 'given up')
  }

  #dropped(clip: LiveClip): void {
    const { video, frames } = clip
    for (const { pixels } of frames) this.#pool.release(pixels)
    this.#tallies.clip(cameraId(video.source), 'dropped')
    this.#seen.settle(video.source, clip, undefined)
  }

  #emit(event: Event): void {
    this.#tallies.event(cameraId(event.source))
    this.#events.add(event)
  }

  async #prepare(camera: CameraSettings): Promise<void> {
    const { hwaccel, hwaccelDevice } = camera
    if (hwaccel !== 'none') await checkHwaccel(this.#parts.programs, hwaccel, hwaccelDevice)
    await this.#inference?.prepare(camera)
  }

  /** Clips that may wait for the model. */
  get #room(): number {
    return Math.max(this.#parts.options.batch, WAITING * this.#cameras.windows)
  }

  #waiting(): string | undefined {
    const { all, size } = this.#cameras
    return size > 0 && !all.some(({ facts }) => facts.isUp) ? 'no camera is up' : undefined
  }
}
