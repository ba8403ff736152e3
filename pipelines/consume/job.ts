import { setTimeout as sleep } from 'node:timers/promises'
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
import { samplingSlug } from '../../src/connect/files/layout.js'
import { withFrames } from '../../src/connect/kafka/claim-check.js'
import { deadLetter, placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { traceOf } from '../../src/connect/kafka/envelope.js'
import type { ClipRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { Clip, LabelledEmbedding, Sampling, Video } from '../../src/domain.js'
import type { LoadedModel } from '../../src/engine/engine.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { VideoReader } from '../../src/media/reader.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { beginSpan, type Traced } from '../../src/telemetry/trace.js'
import { embedClips } from '../embed-clips.js'
import type { EmbeddedLabels } from '../label-set.js'
import { openVideo } from '../open-video.js'
import type { Places } from '../places.js'
import { until } from '../streams.js'
import { jpegClip, momentOf } from './jpeg-clip.js'
import type { ConsumeHooks, ConsumeOptions } from './options.js'
import { samplingOf, videoOf } from './requests.js'
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

/** A record on its way through the pipeline. */
interface Request {
  readonly work: Work
  readonly video: Video
  readonly sampling: Sampling
  /** As results say it. */
  readonly slug: string
  /** Set where the record holds its pictures itself. */
  readonly clip?: ClipRecord
  readonly trace: Traced
  /** Gives back its place among what is decoded; once. */
  readonly leave: () => void
}

const MOST_WAIT_MS = 15_000

/** The picture: records → videos → frames → clips → batches → embeddings → labels → records. */
export class ConsumeJob {
  readonly counts = { inputs: 0, clips: 0, deadLetters: 0 }
  readonly #parts: ConsumeParts
  readonly #context: ResultContext
  readonly #signal: AbortSignal
  readonly #decoding: Budget
  readonly #clips: Budget
  readonly #pool = new FramePool()
  /** By identity: what the operators carry is the video. */
  readonly #requests = new WeakMap<Video, Request>()

  constructor(parts: ConsumeParts) {
    const { options, hooks, labels, intake, metrics } = parts
    const { prefix, group, registry, concurrency, batch } = options
    this.#parts = parts
    this.#signal = hooks.signal ?? new AbortController().signal
    this.#decoding = new Budget(concurrency)
    // One batch in the model, one being gathered, and one clip under way in every decoder.
    this.#clips = new Budget(2 * batch + concurrency)
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    this.#context = { wire, prefix, group, labelSet: labels?.digest }
    metrics.watch({ lanes: () => intake.lanes, clipsInFlight: () => this.#clips.inFlight })
  }

  async run(): Promise<void> {
    const { options, model, labels, intake, metrics } = this.#parts
    const { digest: modelDigest } = model.info
    const drain = (): void => {
      intake.drain()
      this.#decoding.close()
      this.#clips.close()
    }
    if (this.#signal.aborted) drain()
    this.#signal.addEventListener('abort', drain, { once: true })
    const sampled = {
      ...{ modelDigest, pool: this.#pool, budget: this.#clips },
      sampling: (video: Video) => this.#of(video).sampling,
      onComplete: (video: Video) => this.#complete(this.#of(video)),
      onFailure: (video: Video, error: StanflowError) => this.#failed(this.#of(video), error),
    }
    const videos = (requests: Observable<Request>): Observable<Clip> =>
      requests.pipe(
        filter(({ clip }) => clip === undefined),
        concatMap(({ video }) => of(video)),
        decode({ open: (video) => this.#open(video), budget: this.#clips, onFailure: sampled.onFailure }),
        sampleClips(sampled),
        tap(({ video }) => this.#of(video).work.cut()),
      )
    const clips = (requests: Observable<Request>): Observable<Clip> =>
      requests.pipe(
        filter(({ clip }) => clip !== undefined),
        mergeMap((request) =>
          from(this.#picture(request)).pipe(mergeMap((clip) => (clip ? of(clip) : EMPTY))),
        ),
      )
    const results = pull(this.#incoming(), this.#decoding).pipe(
      tap(() => this.#decoding.take()),
      connect((requests) => merge(videos(requests), clips(requests))),
      embedClips({
        ...{ model, labels: labels?.set, pool: this.#pool },
        ...{ size: options.batch, deadline: options.batchDeadline * 1000 },
        onBatch: (size, milliseconds) => metrics.batch(size, options.sampling.frames, milliseconds),
      }),
      concatMap((batch) => this.#give(batch)),
    )
    try {
      await lastValueFrom(results, { defaultValue: undefined })
    } finally {
      this.#signal.removeEventListener('abort', drain)
      drain()
    }
  }

  /** Work as requests; what cannot be one is a dead letter. */
  async *#incoming(): AsyncGenerator<Request> {
    const { intake, options } = this.#parts
    for await (const work of intake.works()) {
      this.counts.inputs++
      const { value, headers } = work.record
      // A tombstone: the video is to be forgotten, which is nothing to do here.
      if (value === null) {
        work.end()
        continue
      }
      const begun = performance.now()
      const at = {
        'messaging.destination.name': work.at.topic,
        'messaging.kafka.offset': Number(work.record.offset),
      }
      const trace = beginSpan('stanflow.consume', 'consumer', at, traceOf(headers))
      try {
        if (work.quarantined) throw quarantined(work)
        const request = await this.#whileAway(work, () => this.#request(work, value, trace))
        // Nothing that is done for it counts any more, or nothing new is begun.
        if (request === undefined || work.signal.aborted) {
          trace.end()
          continue
        }
        // Whoever takes the request takes its place too, so it is given back from here on only.
        work.signal.addEventListener('abort', request.leave, { once: true })
        this.#requests.set(request.video, request)
        this.#parts.metrics.stage('open', performance.now() - begun)
        const { source } = request.video
        this.#parts.log.debug({ source, at: placeText(work.at, work.record.offset) }, 'input begun')
        yield request
      } catch (thrown) {
        const error = asStanflowError(thrown)
        // No record's own fault: the next one would fare alike.
        if (error.code === 'KAFKA_AUTH') throw error
        this.#bury(work, error, trace)
      }
    }

    function quarantined({ deaths, at, record }: Work): StanflowError {
      const place = placeText(at, record.offset)
      const times = `${deaths} ${deaths === 1 ? 'process' : 'processes'}`
      return new StanflowError(
        'MESSAGE_QUARANTINED',
        `${times} died while at work on ${place}; ${options.attempts} are too many.`,
      )
    }
  }

  /** A registry that is away is waited for, however long; undefined where that came to nothing. */
  async #whileAway<T>(work: Work, step: () => Promise<T>): Promise<T | undefined> {
    const signal = AbortSignal.any([this.#signal, work.signal])
    for (let tries = 0; ; tries++) {
      try {
        return await step()
      } catch (thrown) {
        const { code, message: reason } = asStanflowError(thrown)
        if (code !== 'KAFKA_REGISTRY') throw thrown
        if (signal.aborted) return undefined
        this.#parts.log.warn({ code, reason, at: placeText(work.at, work.record.offset) }, 'tried again')
        const pause = Math.min(MOST_WAIT_MS, 200 * 2 ** tries) * (0.5 + Math.random())
        await sleep(pause, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async #request(work: Work, value: Buffer, trace: Traced): Promise<Request> {
    const { options, places } = this.#parts
    const { wire, prefix } = this.#context
    let left = false
    const leave = (): void => {
      if (!left) this.#decoding.give()
      left = true
    }
    if (work.at.topic === topicName(prefix, 'clips')) {
      const clip = await wire.decode('clip', value)
      const { frames } = options.sampling
      const sampling: Sampling = { kind: 'uniform', frames }
      return { work, video: momentOf(clip), sampling, slug: `clip-${frames}`, clip, trace, leave }
    }
    const record = await wire.decode('video', value)
    const sampling = samplingOf(record.sample, options.sampling)
    const video = await videoOf(record, places)
    return { work, video, sampling, slug: samplingSlug(sampling), trace, leave }
  }

  async #open(video: Video): Promise<OpenVideo> {
    const { places, reader, model } = this.#parts
    const { work, sampling } = this.#of(video)
    const opened = await openVideo(video, work.skip, {
      ...{ places, reader, pool: this.#pool, sampling, side: model.info.size },
      signal: AbortSignal.any([this.#signal, work.signal]),
    })
    return { plans: opened.plans, frames: inTurn(opened.frames, work) }
  }

  /** A clip that came with its pictures; undefined where it is a dead letter. */
  async #picture(request: Request): Promise<Clip | undefined> {
    const { clip, video, work } = request
    try {
      await this.#clips.room()
      if (clip === undefined || work.signal.aborted) return undefined
      this.#clips.take()
      const made = await this.#decoded(clip, video).catch((error: unknown) => {
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

  async #decoded(clip: ClipRecord, video: Video): Promise<Clip> {
    const { model, places } = this.#parts
    const { frames, size: side, digest: modelDigest } = model.info
    const whole = await withFrames(clip, (uri, bytes) => places.read(uri, bytes))
    return jpegClip(whole, video, { frames, side, modelDigest, pool: this.#pool })
  }

  /** Hands results to the records they belong to, which commit them in order. */
  async #give(batch: readonly Encoded<LabelledEmbedding>[]): Promise<void> {
    const { log, metrics } = this.#parts
    for (const { video, embedding } of batch) {
      const { work, slug, trace } = this.#of(video)
      work.give(await resultRecords(embedding, slug, trace.carried, this.#context))
      const { clipId, source, start, end } = embedding
      log.debug({ clipId, source, start, end }, 'clip embedded')
      metrics.clip(slug.split('-')[0] ?? slug)
    }
    this.counts.clips += batch.length
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
    // What looks like a damaged video while everything is being stopped may be none.
    if (request.work.signal.aborted || this.#signal.aborted) return
    this.#bury(request.work, error, request.trace)
  }

  #bury(work: Work, error: StanflowError, trace: Traced): void {
    const { log, metrics, options } = this.#parts
    const attempts = Math.max(1, work.deaths)
    const { prefix, group } = options
    work.end([deadLetter(topicName(prefix, 'dead-letter'), work.at, work.record, { error, attempts, group })])
    trace.end(error)
    metrics.deadLetter(error.code)
    this.counts.deadLetters++
    log.error(
      { at: placeText(work.at, work.record.offset), code: error.code, reason: error.message },
      'dead letter',
    )
  }

  #of(video: Video): Request {
    const request = this.#requests.get(video)
    if (request === undefined) throw new StanflowError('INTERNAL', `${video.source} was not asked for`)
    return request
  }
}

/** Frames, unless results of the record wait too long behind those of an earlier one. */
async function* inTurn<T>(frames: AsyncIterable<T>, work: Work): AsyncGenerator<T> {
  for await (const frame of until(work.signal, frames)) {
    await work.room()
    yield frame
  }
}
