import { concatMap, lastValueFrom, type Observable, tap } from 'rxjs'
import {
  Budget,
  batch,
  classify,
  encodeVideo,
  FairQueue,
  FramePool,
  type LiveClip,
  Pace,
  Pacer,
  pull,
  Widening,
} from '../../operators/index.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import type { Event } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import { asStanflowError } from '../../src/errors.js'
import type { FfmpegPrograms } from '../../src/media/ffmpeg/find.js'
import { LIMITS } from '../../src/media/limits.js'
import { checkHwaccel } from '../../src/media/live/hwaccel.js'
import { CameraMetrics } from '../../src/telemetry/camera-metrics.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import type { EmbeddedLabels } from '../label-set.js'
import { CameraSet } from './camera-set.js'
import { Tallies } from './counts.js'
import type { OpenDestination } from './destination.js'
import { EventQueue } from './event-queue.js'
import type { Models } from './models.js'
import type { CameraCounts, CameraSettings, IngestHooks, IngestOptions } from './options.js'

export interface JobParts {
  readonly options: IngestOptions
  readonly hooks: IngestHooks
  readonly log: Logger
  readonly metrics: Metrics
  readonly programs: FfmpegPrograms
  readonly destination: OpenDestination
  /** Absent in split mode. */
  readonly model: { readonly models: Models; readonly info: ModelInfo } | undefined
  /** Aborted when what cannot be delivered is to be given up. */
  readonly giveUp: AbortController
}

/** Clips of each of a camera's windows that may wait for the model. */
const WAITING = 2
/** Seconds from one connection to the next, over all cameras. */
const PACE_SECONDS = 0.15
const LOOK_MS = 250
/** Seconds after its end from which a clip gives way to the next of its camera. */
const STALE_SECONDS = 5
/** Seconds that a batch may take, if it is more than one clip. */
const BATCH_SECONDS = 1
/** Seconds that a drain may take. */
const DRAIN_SECONDS = 15

/** The picture: cameras → windows → fair queue → batches → embeddings → labels → topics or files. */
export class IngestJob {
  readonly #parts: JobParts
  readonly #pool = new FramePool()
  readonly #widening = new Widening()
  readonly #budget: Budget
  readonly #pace: Pace
  readonly #queue: FairQueue<LiveClip>
  readonly #tallies: Tallies
  readonly #metrics: CameraMetrics
  readonly #cameras: CameraSet
  readonly #events: EventQueue
  readonly #labels = new Map<string, EmbeddedLabels | undefined>()
  /** Clips on their way through the model, by id. */
  readonly #inWork = new Map<string, LiveClip>()
  #running = 0
  #busyMs = 0

  constructor(parts: JobParts) {
    const { options, hooks, log, metrics, programs, destination, model } = parts
    this.#parts = parts
    // One batch: the next is gathered when the model is free for it, of what is the newest then.
    this.#budget = new Budget(() => this.#pace.size)
    this.#pace = new Pace(options.batch, BATCH_SECONDS)
    this.#queue = new FairQueue({
      limit: () => this.#room,
      isStale: ({ end }) => Date.now() / 1000 - end > STALE_SECONDS,
      onDropped: (clip) => this.#dropped(clip),
    })
    this.#metrics = new CameraMetrics(metrics.registry, {
      cameras: () => this.#cameras.all.map(({ facts }) => facts),
      widening: () => this.#widening.factor,
    })
    this.#tallies = new Tallies(this.#metrics)
    this.#events = new EventQueue(destination.sink, {
      onFailure: (error) => log.error({ reason: String(error) }, 'events were lost'),
      giveUp: parts.giveUp.signal,
    })
    this.#cameras = new CameraSet({
      ...{ programs, log, pool: this.#pool, queue: this.#queue, widening: this.#widening },
      ...{ tallies: this.#tallies, pacer: new Pacer(PACE_SECONDS), parts: hooks.parts ?? (() => ({})) },
      ...{ side: model?.info.size ?? options.side, modelDigest: model?.info.digest ?? 'pictures' },
      limits: options.limits ?? LIMITS,
      prepare: (camera) => this.#prepare(camera),
      emit: (event) => this.#emit(event),
    })
    metrics.batchSize(options.batch)
    metrics.watch({ lanes: () => [], clipsInFlight: () => this.#budget.inFlight + this.#queue.size })
  }

  get counts(): readonly CameraCounts[] {
    return this.#tallies.all
  }

  async run(): Promise<void> {
    const { options, hooks, giveUp } = this.#parts
    const stop = (): void => void this.#cameras.close()
    hooks.signal?.addEventListener('abort', stop, { once: true })
    // While the model was loading, say.
    if (hooks.signal?.aborted) stop()
    const looking = setInterval(() => this.#look(), LOOK_MS)
    const results = lastValueFrom(this.#results(), { defaultValue: [] })
    // Without results there is no use in cameras.
    results.catch(stop)
    try {
      await this.#cameras.become(options.cameras)
      hooks.onWaiting?.(() => this.#waiting())
      hooks.onReady?.()
      const following = this.#follow()
      await this.#cameras.through(hooks.changes !== undefined)
      await this.#cameras.close()
      this.#queue.close()
      const last = setTimeout(() => giveUp.abort(), DRAIN_SECONDS * 1000)
      await results
      await Promise.all(this.#cameras.all.map(({ parts }) => parts.settle?.()))
      await this.#events.settled()
      clearTimeout(last)
      void following
    } finally {
      // What was given up on the way.
      for (const { video } of this.#inWork.values()) this.#tallies.clip(idOf(video.source), 'dropped')
      hooks.signal?.removeEventListener('abort', stop)
      clearInterval(looking)
      giveUp.abort()
      await this.#cameras.close()
    }
  }

  #results(): Observable<readonly LiveClip[]> {
    const { options, destination } = this.#parts
    const { clips } = destination
    const taken = pull(this.#queue.items(), this.#budget).pipe(
      tap((clip) => {
        this.#budget.take()
        this.#inWork.set(clip.id, clip)
      }),
      batch({
        ...{ size: () => this.#pace.size, deadline: options.batchDeadline * 1000 },
        busy: () => this.#running > 0,
      }),
    )
    if (clips !== undefined) {
      return taken.pipe(
        concatMap(async (some) => {
          await this.#timed(() => clips.send(some), some.length)
          for (const { frames } of some) for (const { pixels } of frames) this.#pool.release(pixels)
          return this.#delivered(some)
        }),
      )
    }
    const { models, info } = this.#parts.model as NonNullable<JobParts['model']>
    const encode = async (some: readonly LiveClip[]) => {
      const begun = performance.now()
      const encoded = await this.#timed(() => models.encode(some), some.length)
      this.#parts.metrics.batch(some.length, some[0]?.frames.length ?? 0, performance.now() - begun)
      return encoded
    }
    return taken.pipe(
      encodeVideo(
        { modelDigest: info.digest, encode: (some) => encode(some as readonly LiveClip[]) },
        this.#pool,
      ),
      concatMap(async (encoded) => {
        const results = encoded.map(({ embedding }) => {
          const { sampling } = this.#inWork.get(embedding.clipId) as LiveClip
          const labels = this.#labels.get(embedding.source)
          const best = labels === undefined ? [] : classify(embedding.vector, labels.set)
          return { sampling, embedding: { ...embedding, labels: best }, labelSet: labels?.digest }
        })
        // Rules wait for nobody: where results cannot be delivered just now, events still have their time.
        for (const { embedding, sampling } of results) {
          const { clipId, source, start, end, labels } = embedding
          const series = samplingSlug(sampling)
          this.#cameras.of(source)?.parts.onClip?.({ clipId, source, start, end, labels, series })
        }
        await destination.sink.results(results)
        return this.#delivered(results.map(({ embedding }) => this.#inWork.get(embedding.clipId) as LiveClip))
      }),
    )
  }

  #delivered(clips: readonly LiveClip[]): readonly LiveClip[] {
    const now = Date.now() / 1000
    for (const { id, video, frames } of clips) {
      const camera = idOf(video.source)
      this.#inWork.delete(id)
      this.#tallies.clip(camera, 'delivered')
      this.#metrics.latency(camera, now - (frames.at(-1)?.time ?? now))
    }
    this.#budget.give(clips.length)
    return clips
  }

  #dropped({ video, frames, start, end }: LiveClip): void {
    for (const { pixels } of frames) this.#pool.release(pixels)
    this.#tallies.clip(idOf(video.source), 'dropped')
    this.#cameras.of(video.source)?.parts.onGap?.(start, end)
  }

  #emit(event: Event): void {
    this.#tallies.event(idOf(event.source))
    this.#events.add(event)
  }

  async #prepare(camera: CameraSettings): Promise<void> {
    const { programs, model } = this.#parts
    const models = model?.models
    if (camera.hwaccel !== 'none') await checkHwaccel(programs, camera.hwaccel, camera.hwaccelDevice)
    if (models === undefined) return
    await models.prepare(camera)
    this.#labels.set(`camera:${camera.id}`, await models.labels(camera))
  }

  /** Cameras as they are to be, whenever that changes. */
  async #follow(): Promise<void> {
    const { hooks, log } = this.#parts
    for await (const cameras of hooks.changes ?? []) {
      await this.#cameras.become(cameras).catch((error: unknown) => {
        log.error({ reason: asStanflowError(error).message }, 'a camera cannot be begun')
      })
    }
  }

  get #room(): number {
    return Math.max(this.#parts.options.batch, WAITING * this.#windows)
  }

  get #windows(): number {
    return this.#cameras.all.reduce((sum, { settings }) => sum + settings.windows.length, 0)
  }

  #look(): void {
    const crowded = this.#queue.size / this.#room
    const changed = this.#widening.look(crowded, this.#busyMs / LOOK_MS, performance.now() / 1000)
    this.#busyMs = 0
    if (changed) this.#parts.log.warn({ factor: this.#widening.factor }, 'strides are other than asked for')
  }

  #waiting(): string | undefined {
    const { all } = this.#cameras
    return all.length > 0 && !all.some(({ facts }) => facts.isUp) ? 'no camera is up' : undefined
  }

  async #timed<T>(work: () => Promise<T>, clips: number): Promise<T> {
    const begun = performance.now()
    this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      const took = performance.now() - begun
      this.#busyMs += took
      this.#pace.took(clips, took / 1000)
    }
  }
}

const idOf = (source: string): string => source.replace(/^camera:/, '')
