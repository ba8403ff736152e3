import { concatMap, EMPTY, from, lastValueFrom, merge, mergeMap, of, Subject, takeUntil } from 'rxjs'
import { Budget, type Encoded, FramePool, pull } from '../../operators/index.js'
import { placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Intake } from '../../src/connect/kafka/delivery/intake.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { LabelledEmbedding, Video } from '../../src/domain.js'
import type { LoadedModel } from '../../src/engine/engine.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { VideoReader } from '../../src/media/reader.js'
import { persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { embedClips } from '../embed-clips.js'
import type { EmbeddedLabels } from '../label-set.js'
import { limitsGiven } from '../open-video.js'
import type { Places } from '../places.js'
import { Errand } from './errand.js'
import { Failures } from './failures.js'
import type { ConsumeHooks, ConsumeOptions } from './options.js'
import { Orders, type Request, spanOf } from './orders.js'
import { type ResultContext, resultRecords } from './result-records.js'
import { Sources } from './sources.js'

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

const PATIENCE_SECONDS = 300

/** The picture: records → videos → frames → clips → batches → embeddings → labels → records. */
export class ConsumeJob {
  readonly #parts: ConsumeParts
  readonly #context: ResultContext
  readonly #signal: AbortSignal
  readonly #failures: Failures
  readonly #orders: Orders
  readonly #sources: Sources
  readonly #decoding: Budget
  readonly #clips: Budget
  readonly #pool = new FramePool()
  readonly #requests = new WeakMap<Video, Request>()
  readonly #counts = { inputs: 0, clips: 0 }
  /** Told where results wait in vain, as everything is to end. */
  readonly #inVain = new Subject<void>()
  /** What results wait for before they can be written down. */
  #results: string | undefined

  constructor(parts: ConsumeParts) {
    const { options, hooks, model, reader, labels, intake, metrics, log, places } = parts
    const { prefix, group, registry, concurrency, batch, sampling, attempts } = options
    const { patience = PATIENCE_SECONDS } = options
    const signal = hooks.signal ?? new AbortController().signal
    const answers = (uri: string): Promise<boolean> => places.answers(uri)
    const failures = new Failures({ prefix, group, patience, answers, signal, log, metrics })
    const wire = new Wire({ prefix, ending: signal, ...(registry !== undefined && { registry }) })
    this.#parts = parts
    this.#signal = signal
    this.#failures = failures
    this.#decoding = new Budget(concurrency)
    // One batch in the model, one being gathered, and one clip under way in every decoder.
    this.#clips = new Budget(2 * batch + concurrency)
    this.#context = { wire, prefix, group, labelSet: labels?.digest }
    metrics.batchSize(batch)
    this.#orders = new Orders({ prefix, wire, places, sampling, attempts, failures, log, metrics })
    this.#sources = new Sources({
      ...{ places, reader, info: model.info, pool: this.#pool, budget: this.#clips, failures, signal },
      ...limitsGiven(options),
      requestOf: (video) => this.#of(video),
      onComplete: (request) => this.#complete(request),
    })
    metrics.watch({ lanes: () => intake.lanes, clipsInFlight: () => this.#clips.inFlight })
  }

  get counts(): { readonly inputs: number; readonly clips: number; readonly deadLetters: number } {
    return { ...this.#counts, deadLetters: this.#failures.deadLetters }
  }

  /** What is waited for where nothing at all goes on for it. */
  get waitsFor(): string | undefined {
    if (this.#results !== undefined) return this.#results
    const busy = this.#parts.intake.lanes.filter(({ queued, inWork }) => queued + inWork > 0)
    return busy.every(({ waitsFor }) => waitsFor !== undefined) ? busy[0]?.waitsFor : undefined
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
    const results = pull(intake.works(), this.#decoding).pipe(
      mergeMap((work) =>
        from(this.#begin(work)).pipe(mergeMap((request) => (request ? of(request) : EMPTY))),
      ),
      this.#sources.clips(),
      embedClips({
        ...{ model, labels: labels?.set, pool: this.#pool },
        ...{ size: options.batch, deadline: options.batchDeadline * 1000 },
        onBatch: (size, milliseconds) => metrics.batch(size, options.sampling.frames, milliseconds),
      }),
      concatMap((batch) => this.#give(batch)),
      takeUntil(merge(this.#failures.fatal, this.#inVain)),
    )
    try {
      await lastValueFrom(results, { defaultValue: undefined })
    } finally {
      this.#signal.removeEventListener('abort', drain)
      drain()
    }
  }

  async #begin(work: Work): Promise<Request | undefined> {
    this.#counts.inputs++
    const errand = new Errand({ work, trace: spanOf(work), places: this.#decoding })
    const request = await this.#orders.request(errand)
    if (request !== undefined) this.#requests.set(request.video, request)
    return request
  }

  /** Hands results to the records they belong to, which commit them in order. */
  async #give(batch: readonly Encoded<LabelledEmbedding>[]): Promise<void> {
    const { log, metrics } = this.#parts
    for (const { video, embedding } of batch) {
      const { errand, slug } = this.#of(video)
      const { work, trace } = errand
      const again = this.#failures.again(errand)
      try {
        const records = await persist(
          () => resultRecords(embedding, slug, trace.carried, this.#context),
          (error, tries) => {
            // The next results would fare alike.
            this.#results = `${error.code}: ${error.message}`
            return again(error, tries)
          },
        )
        work.give(records)
      } catch (error) {
        if (work.signal.aborted) continue
        if (!this.#failures.isInVain(asStanflowError(error))) throw error
        this.#inVain.next()
        return
      } finally {
        this.#results = undefined
        // Not waited for: whoever has its place may wait for room among clips, which is made in here.
        void errand.goOn()
      }
      const { clipId, source, start, end } = embedding
      log.debug({ clipId, source, start, end }, 'clip embedded')
      metrics.clip(slug.split('-')[0] ?? slug)
    }
    this.#counts.clips += batch.length
    this.#clips.give(batch.length)
  }

  #complete({ errand, video }: Request): void {
    const { work, trace } = errand
    work.end()
    errand.leave()
    const { log, metrics } = this.#parts
    void work.settled.then(() => {
      trace.end()
      if (work.signal.aborted) return
      metrics.latency(work.at.topic, Date.now() - work.record.timestamp)
      log.debug({ source: video.source, at: placeText(work.at, work.record.offset) }, 'input done')
    })
  }

  #of(video: Video): Request {
    const request = this.#requests.get(video)
    if (request === undefined) throw new StanflowError('INTERNAL', `${video.source} was not asked for`)
    return request
  }
}
