import {
  concatMap,
  connect,
  EMPTY,
  filter,
  from,
  lastValueFrom,
  merge,
  mergeMap,
  type Observable,
  of,
  takeUntil,
  tap,
} from 'rxjs'
import {
  Budget,
  decode,
  type Encoded,
  FramePool,
  type OpenVideo,
  pull,
  sampleClips,
} from '../../operators/index.js'
import { withFrames } from '../../src/connect/kafka/claim-check.js'
import { placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import type { ClipRecord } from '../../src/connect/kafka/records.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { Clip, LabelledEmbedding, Video } from '../../src/domain.js'
import type { LoadedModel } from '../../src/engine/engine.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { VideoReader } from '../../src/media/reader.js'
import { type Again, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { embedClips } from '../embed-clips.js'
import type { EmbeddedLabels } from '../label-set.js'
import { limitsGiven, openVideo } from '../open-video.js'
import type { Places } from '../places.js'
import { until } from '../streams.js'
import { Failures } from './failures.js'
import { jpegClip } from './jpeg-clip.js'
import type { ConsumeHooks, ConsumeOptions } from './options.js'
import { type Request, requestsOf } from './orders.js'
import { type ResultContext, resultRecords } from './result-records.js'

export interface ConsumeParts {
  readonly options: ConsumeOptions
  readonly hooks: ConsumeHooks
  readonly log: Logger
  readonly metrics: Metrics
  readonly model: LoadedModel
  readonly reader: VideoReader
  readonly places: Places
  readonly labels: EmbeddedLabels | undefined
  readonly intake: Intake
}

/** The picture: records → videos → frames → clips → batches → embeddings → labels → records. */
export class ConsumeJob {
  readonly #parts: ConsumeParts
  readonly #context: ResultContext
  readonly #signal: AbortSignal
  readonly #failures: Failures
  readonly #decoding: Budget
  readonly #clips: Budget
  readonly #pool = new FramePool()
  /** By identity: what the operators carry is the video. */
  readonly #requests = new WeakMap<Video, Request>()
  readonly #counts = { inputs: 0, clips: 0 }

  constructor(parts: ConsumeParts) {
    const { options, hooks, labels, intake, metrics, log } = parts
    const { prefix, group, registry, concurrency, batch } = options
    this.#parts = parts
    this.#signal = hooks.signal ?? new AbortController().signal
    this.#failures = new Failures({ prefix, group, signal: this.#signal, log, metrics })
    this.#decoding = new Budget(concurrency)
    // One batch in the model, one being gathered, and one clip under way in every decoder.
    this.#clips = new Budget(2 * batch + concurrency)
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    this.#context = { wire, prefix, group, labelSet: labels?.digest }
    metrics.batchSize(batch)
    metrics.watch({ lanes: () => intake.lanes, clipsInFlight: () => this.#clips.inFlight })
  }

  get counts(): { readonly inputs: number; readonly clips: number; readonly deadLetters: number } {
    return { ...this.#counts, deadLetters: this.#failures.deadLetters }
  }

  async run(): Promise<void> {
    const { options, model, labels, intake, metrics } = this.#parts
    const drain = (): void => {
      intake.drain()
      this.#decoding.close()
      this.#clips.close()
    }
    if (this.#signal.aborted) drain()
    this.#signal.addEventListener('abort', drain, { once: true })
    const results = pull(this.#incoming(), this.#decoding).pipe(
      tap((request) => this.#begin(request)),
      connect((requests) => merge(this.#ofVideos(requests), this.#ofClips(requests))),
      embedClips({
        ...{ model, labels: labels?.set, pool: this.#pool },
        ...{ size: options.batch, deadline: options.batchDeadline * 1000 },
        onBatch: (size, milliseconds) => metrics.batch(size, options.sampling.frames, milliseconds),
      }),
      concatMap((batch) => this.#give(batch)),
      takeUntil(this.#failures.fatal),
    )
    try {
      await lastValueFrom(results, { defaultValue: undefined })
    } finally {
      this.#signal.removeEventListener('abort', drain)
      drain()
    }
  }

  #incoming(): AsyncGenerator<Request> {
    const { options, places, intake, log, metrics } = this.#parts
    const { prefix, sampling, attempts } = options
    const { wire } = this.#context
    return requestsOf(counted(intake.works(), this.#counts), {
      ...{ prefix, wire, places, sampling, attempts, log, metrics },
      ...{ decoding: this.#decoding, failures: this.#failures },
    })
  }

  #begin(request: Request): void {
    this.#decoding.take()
    this.#requests.set(request.video, request)
  }

  #ofVideos(requests: Observable<Request>): Observable<Clip> {
    const onFailure = (video: Video, error: StanflowError): void => this.#failed(this.#of(video), error)
    return requests.pipe(
      filter(({ clip }) => clip === undefined),
      concatMap(({ video }) => of(video)),
      decode({ open: (video) => this.#open(video), budget: this.#clips, onFailure }),
      sampleClips({
        ...{ modelDigest: this.#parts.model.info.digest, pool: this.#pool, budget: this.#clips, onFailure },
        sampling: (video) => this.#of(video).sampling,
        onComplete: (video) => this.#complete(this.#of(video)),
      }),
      tap(({ video }) => this.#of(video).work.cut()),
    )
  }

  #ofClips(requests: Observable<Request>): Observable<Clip> {
    return requests.pipe(
      filter(({ clip }) => clip !== undefined),
      mergeMap((request) => from(this.#picture(request)).pipe(mergeMap((clip) => (clip ? of(clip) : EMPTY)))),
    )
  }

  async #open(video: Video): Promise<OpenVideo> {
    const { places, reader, model } = this.#parts
    const { work, sampling, uri } = this.#of(video)
    const opened = await openVideo(video, work.skip, {
      ...{ places, reader, pool: this.#pool, sampling, side: model.info.size },
      signal: AbortSignal.any([this.#signal, work.signal]),
      again: this.#failures.again(work),
      ...limitsGiven(this.#parts.options),
    })
    this.#failures.readable(uri)
    return { plans: opened.plans, frames: inTurn(opened.frames, work) }
  }

  /** A clip that came with its pictures; undefined where there is none to be had. */
  async #picture(request: Request): Promise<Clip | undefined> {
    const { clip, video, work } = request
    try {
      await this.#clips.room()
      if (clip === undefined || work.signal.aborted) return undefined
      this.#clips.take()
      const made = await this.#pictured(clip, video, this.#failures.again(work)).catch((error: unknown) => {
        this.#clips.give()
        throw error
      })
      work.cut()
      this.#complete(request)
      return made
    } catch (error) {
      this.#failed(request, asStanflowError(error))
      return undefined
    }
  }

  async #pictured(clip: ClipRecord, video: Video, again: Again): Promise<Clip> {
    const { model, places, options } = this.#parts
    const { frames, size: side, digest: modelDigest } = model.info
    const read = (uri: string, bytes: number): Promise<Uint8Array> => places.read(uri, bytes)
    const whole = await persist(() => withFrames(clip, read), again)
    if (whole !== clip) this.#failures.readable(clip.claim?.uri ?? '')
    return jpegClip(whole, video, { frames, side, modelDigest, pool: this.#pool, ...limitsGiven(options) })
  }

  /** Hands results to the records they belong to, which commit them in order. */
  async #give(batch: readonly Encoded<LabelledEmbedding>[]): Promise<void> {
    const { log, metrics } = this.#parts
    for (const { video, embedding } of batch) {
      const { work, slug, trace } = this.#of(video)
      const records = () => resultRecords(embedding, slug, trace.carried, this.#context)
      try {
        work.give(await persist(records, this.#failures.again(work)))
      } catch (error) {
        if (!work.signal.aborted) throw error
        continue
      }
      const { clipId, source, start, end } = embedding
      log.debug({ clipId, source, start, end }, 'clip embedded')
      metrics.clip(slug.split('-')[0] ?? slug)
    }
    this.#counts.clips += batch.length
    this.#clips.give(batch.length)
  }

  #complete({ work, trace, leave, video }: Request): void {
    work.end()
    leave()
    const { log, metrics } = this.#parts
    void work.settled.then(() => {
      trace.end()
      if (work.signal.aborted) return
      metrics.latency(work.at.topic, Date.now() - work.record.timestamp)
      log.debug({ source: video.source, at: placeText(work.at, work.record.offset) }, 'input done')
    })
  }

  #failed(request: Request, error: StanflowError): void {
    request.leave()
    this.#failures.failed(request, error)
  }

  #of(video: Video): Request {
    const request = this.#requests.get(video)
    if (request === undefined) throw new StanflowError('INTERNAL', `${video.source} was not asked for`)
    return request
  }
}

async function* counted<T>(items: AsyncIterable<T>, counts: { inputs: number }): AsyncGenerator<T> {
  for await (const item of items) {
    counts.inputs++
    yield item
  }
}

/** Frames, unless results of the record wait too long behind those of an earlier one. */
async function* inTurn<T>(frames: AsyncIterable<T>, work: Work): AsyncGenerator<T> {
  for await (const frame of until(work.signal, frames)) {
    await work.room()
    yield frame
  }
}
