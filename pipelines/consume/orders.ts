import { samplingSlug } from '../../src/connect/files/layout.js'
import { placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { traceOf } from '../../src/connect/kafka/envelope.js'
import type { ClipRecord, VideoRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Wire } from '../../src/connect/kafka/wire.js'
import type { Sampling, Video } from '../../src/domain.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { beginSpan, type Traced } from '../../src/telemetry/trace.js'
import type { Places } from '../places.js'
import type { Errand } from './errand.js'
import type { Failures } from './failures.js'
import { momentOf } from './jpeg-clip.js'
import { samplingOf, videoOf } from './requests.js'

/** Characters; longer than any path. */
const MOST_SOURCE = 8192

/** What a record asks for. */
export interface Request {
  readonly errand: Errand
  readonly video: Video
  readonly sampling: Sampling
  /** As results say it. */
  readonly slug: string
  /** Set where the record is of a clip, not of a video. */
  readonly clip?: ClipRecord
}

export interface OrdersOptions {
  readonly prefix: string
  readonly wire: Wire
  readonly places: Places
  /** How clips are cut where a record does not say. */
  readonly sampling: Sampling
  /** Deaths that are too many. */
  readonly attempts: number
  readonly failures: Failures
  readonly log: Logger
  readonly metrics: Metrics
}

type Order = { readonly clip: ClipRecord } | { readonly video: VideoRecord }

/** The span of a record's way through here, below that of whoever sent it. */
export function spanOf({ at, record }: Work): Traced {
  const facts = { 'messaging.destination.name': at.topic, 'messaging.kafka.offset': Number(record.offset) }
  return beginSpan('stanflow.consume', 'consumer', facts, traceOf(record.headers))
}

/** Records as requests; what cannot be one is a failure. */
export class Orders {
  readonly #options: OrdersOptions

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** Undefined where there is nothing to do, or nothing to be done. */
  async request(errand: Errand): Promise<Request | undefined> {
    const { failures, metrics, log, attempts } = this.#options
    const { work, trace } = errand
    const { value } = work.record
    // A tombstone: the video is to be forgotten, which is nothing to do here.
    if (value === null) {
      work.end()
      errand.leave()
      trace.end()
      return undefined
    }
    const begun = performance.now()
    try {
      if (work.quarantined) throw quarantined(work, attempts)
      const order = await failures.persist(errand, () => this.#order(work, value))
      errand.uri = 'clip' in order ? (order.clip.claim?.uri ?? '') : order.video.uri
      const request = await this.#request(order, errand)
      if (work.signal.aborted) {
        trace.end()
        return undefined
      }
      metrics.stage('open', performance.now() - begun)
      log.debug({ source: request.video.source, at: placeText(work.at, work.record.offset) }, 'input begun')
      return request
    } catch (thrown) {
      failures.failed(errand, asStanflowError(thrown))
      return undefined
    }
  }

  async #order({ at }: Work, value: Buffer): Promise<Order> {
    const { wire, prefix } = this.#options
    const order =
      at.topic === topicName(prefix, 'clips')
        ? { clip: await wire.decode('clip', value) }
        : { video: await wire.decode('video', value) }
    assertSource('clip' in order ? order.clip.source : order.video.source)
    return order
  }

  async #request(order: Order, errand: Errand): Promise<Request> {
    const { places, failures, sampling: own } = this.#options
    if ('clip' in order) {
      const { clip } = order
      const sampling: Sampling = { kind: 'uniform', frames: own.frames }
      return { errand, video: momentOf(clip), sampling, slug: `clip-${own.frames}`, clip }
    }
    const sampling = samplingOf(order.video.sample, own)
    const video = await failures.persist(errand, () => videoOf(order.video, places))
    return { errand, video, sampling, slug: samplingSlug(sampling) }
  }
}

/** It goes into every result, and twice: one that is too long for their topics would end whoever sends it. */
function assertSource({ length }: string): void {
  if (length <= MOST_SOURCE) return
  const sentence = `The source's name has ${length} characters; ${MOST_SOURCE} are the most.`
  throw new StanflowError('KAFKA_SCHEMA', sentence)
}

function quarantined({ deaths, at, record }: Work, attempts: number): StanflowError {
  const times = `${deaths} ${deaths === 1 ? 'process' : 'processes'}`
  const sentence = `${times} died while at work on ${placeText(at, record.offset)}; ${attempts} are too many.`
  return new StanflowError('MESSAGE_QUARANTINED', sentence)
}
