import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { concatMap, lastValueFrom, type Observable, tap } from 'rxjs'
import {
  Budget,
  batch,
  classify,
  encodeVideo,
  FairQueue,
  FramePool,
  InOrder,
  type LiveClip,
  Pace,
  Pacer,
  pull,
  type SeenClip,
  Widening,
} from '../../operators/index.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import type { Event } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import { asStanflowError, type StanflowError } from '../../src/errors.js'
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
const LOOK_MS = 250
/** Seconds after its end from which a clip gives way to the next of its camera. */
const STALE_SECONDS = 5
/** Seconds that a batch may take, if it is more than one clip. */
const BATCH_SECONDS = 1
/** Seconds that a drain may take; those at the end of it in which what is given up may end by itself. */
const DRAIN_SECONDS = 15
const GRACE_SECONDS = 1

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
  readonly #seen: InOrder<LiveClip, SeenClip>
  readonly #labels = new Map<string, EmbeddedLabels | undefined>()
  /** Clips on their way through the model, by id. */
  readonly #inWork = new Map<string, LiveClip>()
  /** Cameras of clips that were taken from the queue and are not delivered, by the clips' ids. */
  readonly #owed = new Map<string, string>()
  #givenUp: string | undefined
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
    this.#seen = new InOrder((source, clip) => this.#cameras.of(source)?.parts.onClip?.(clip))
    parts.stored.onStored = (ids) => {
      for (const id of ids) this.#stored(id)
    }
    this.#cameras = new CameraSet({
      ...{ programs, log, pool: this.#pool, queue: this.#queue, seen: this.#seen },
      widening: this.#widening,
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
    const { options, hooks, giveUp } = this.#parts
    const stop = (): void => void this.#cameras.stop()
    hooks.signal?.addEventListener('abort', stop, { once: true })
    // While the model was loading, say.
    if (hooks.signal?.aborted) stop()
    const looking = setInterval(() => this.#look(), LOOK_MS)
    const results = lastValueFrom(this.#results(), { defaultValue: [] })
    // Without results there is no use in cameras.
    results.catch(stop)
    try {
      const begun = this.#cameras.become(options.cameras)
      hooks.onWaiting?.(() => this.#waiting())
      hooks.onReady?.()
      void this.#follow()
      await Promise.race([this.#cameras.through(hooks.changes !== undefined), this.#hopeless(begun)])
      await this.#drain(results)
    } finally {
      this.#dropRest()
      hooks.signal?.removeEventListener('abort', stop)
      clearInterval(looking)
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

  /** Lets cameras go and delivers what was cut, for as long as that may take. @throws what made it fail before */
  async #drain(results: Promise<unknown>): Promise<void> {
    const { giveUp, destination, options } = this.#parts
    const seconds = options.drainSeconds ?? DRAIN_SECONDS
    const deliver = async (): Promise<void> => {
      await this.#cameras.stop()
      this.#queue.close()
      await results
      await destination.sink.flush?.()
      await this.#cameras.close()
      await Promise.all(this.#cameras.all.map(({ parts }) => parts.settle?.()))
      await this.#events.settled()
    }
    const last = setTimeout(() => giveUp.abort(), (seconds - GRACE_SECONDS) * 1000)
    const given = once(giveUp.signal, 'abort')
    try {
      const delivered = deliver()
      await Promise.race([delivered, given])
      if (giveUp.signal.aborted) await Promise.race([delivered, sleep(GRACE_SECONDS * 1000)])
    } catch (error) {
      if (!giveUp.signal.aborted) throw error
    } finally {
      clearTimeout(last)
    }
  }

  /** What was cut and is not delivered counts as dropped. */
  #dropRest(): void {
    this.#queue.close()
    this.#queue.clear()
    for (const camera of this.#owed.values()) this.#tallies.clip(camera, 'dropped')
    const [clips, events] = [this.#owed.size, this.#events.undelivered]
    this.#owed.clear()
    if (clips + events === 0) return
    this.#givenUp = `${clips} clips and ${events} events could not be delivered in time`
    this.#parts.log.error({ clips, events }, 'given up')
  }

  #results(): Observable<readonly LiveClip[]> {
    const { options, destination } = this.#parts
    const { clips } = destination
    const taken = pull(this.#queue.items(), this.#budget).pipe(
      tap((clip) => {
        this.#budget.take()
        this.#inWork.set(clip.id, clip)
        this.#owed.set(clip.id, idOf(clip.video.source))
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
          for (const clip of some) this.#seen.settle(clip.video.source, clip, undefined)
          return this.#taken(some)
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
          const clip = this.#inWork.get(embedding.clipId) as LiveClip
          const labels = this.#labels.get(embedding.source)
          const best = labels === undefined ? [] : classify(embedding.vector, labels.set)
          const { sampling } = clip
          return { clip, sampling, embedding: { ...embedding, labels: best }, labelSet: labels?.digest }
        })
        // Rules wait for nobody: where results cannot be delivered just now, events still have their time.
        for (const { clip, embedding, sampling } of results) {
          const { clipId, source, start, end, labels } = embedding
          const series = samplingSlug(sampling)
          this.#seen.settle(source, clip, { clipId, source, start, end, labels, series })
        }
        await destination.sink.results(results)
        return this.#taken(results.map(({ clip }) => clip))
      }),
    )
  }

  /** The destination has them, though it may not have stored them yet. */
  #taken(clips: readonly LiveClip[]): readonly LiveClip[] {
    const now = Date.now() / 1000
    const { storesLater = false } = this.#parts.destination.sink
    for (const { id, video, frames } of clips) {
      this.#inWork.delete(id)
      if (!storesLater) this.#stored(id)
      this.#metrics.latency(idOf(video.source), now - (frames.at(-1)?.time ?? now))
    }
    this.#budget.give(clips.length)
    return clips
  }

  #stored(id: string): void {
    const camera = this.#owed.get(id)
    // What was given up is counted.
    if (camera === undefined) return
    this.#owed.delete(id)
    this.#tallies.clip(camera, 'delivered')
  }

  #dropped(clip: LiveClip): void {
    const { video, frames } = clip
    for (const { pixels } of frames) this.#pool.release(pixels)
    this.#tallies.clip(idOf(video.source), 'dropped')
    this.#seen.settle(video.source, clip, undefined)
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
    const told = (error: unknown): void => {
      const { code, message: reason } = asStanflowError(error)
      log.error({ code, reason }, 'cameras are not as they are to be')
    }
    try {
      for await (const cameras of hooks.changes ?? []) this.#cameras.become(cameras).catch(told)
    } catch (error) {
      told(error)
      log.error('changes of cameras are not followed any more: they stay as they are')
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
    const { all, size } = this.#cameras
    return size > 0 && !all.some(({ facts }) => facts.isUp) ? 'no camera is up' : undefined
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
