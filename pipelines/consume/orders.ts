import type { Budget } from '../../operators/index.js'
import { samplingSlug } from '../../src/connect/files/layout.js'
import { placeText } from '../../src/connect/kafka/dead-letter.js'
import type { Work } from '../../src/connect/kafka/delivery/work.js'
import { traceOf } from '../../src/connect/kafka/envelope.js'
import type { ClipRecord, VideoRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Wire } from '../../src/connect/kafka/wire.js'
import type { Sampling, Video } from '../../src/domain.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { type Again, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Metrics } from '../../src/telemetry/metrics.js'
import { beginSpan, type Traced } from '../../src/telemetry/trace.js'
import type { Places } from '../places.js'
import type { Failed, Failures } from './failures.js'
import { momentOf } from './jpeg-clip.js'
import { samplingOf, videoOf } from './requests.js'

/** A record on its way through the pipeline. */
export interface Request extends Failed {
  readonly video: Video
  readonly sampling: Sampling
  /** As results say it. */
  readonly slug: string
  /** Set where the record is of a clip, not of a video. */
  readonly clip?: ClipRecord
  /** Gives back its place among what is decoded; once. */
  readonly leave: () => void
}

export interface OrdersOptions {
  readonly prefix: string
  readonly wire: Wire
  readonly places: Places
  /** How clips are cut where a record does not say. */
  readonly sampling: Sampling
  /** Deaths that are too many. */
  readonly attempts: number
  /** A request that leaves gives its place back; whoever takes it takes one. */
  readonly decoding: Budget
  readonly failures: Failures
  readonly log: Logger
  readonly metrics: Metrics
}

/** What a record asks for. */
type Order = { readonly clip: ClipRecord } | { readonly video: VideoRecord }

/** Work as requests, one after the other; what cannot be one is a failure. */
export async function* requestsOf(
  works: AsyncIterable<Work>,
  options: OrdersOptions,
): AsyncGenerator<Request, void, undefined> {
  const { failures, metrics, log } = options
  for await (const work of works) {
    const { value, headers, offset } = work.record
    // A tombstone: the video is to be forgotten, which is nothing to do here.
    if (value === null) {
      work.end()
      continue
    }
    const begun = performance.now()
    const at = {
      'messaging.destination.name': work.at.topic,
      'messaging.kafka.offset': Number(offset),
    }
    const trace = beginSpan('stanflow.consume', 'consumer', at, traceOf(headers))
    let uri = ''
    try {
      if (work.quarantined) throw quarantined(work, options.attempts)
      const again = failures.again(work)
      const order = await persist(() => orderOf(work, value, options), again)
      uri = uriOf(order)
      const request = await requestOf(order, { work, trace, uri }, again, options)
      // Nothing that is done for it counts any more.
      if (work.signal.aborted) {
        trace.end()
        continue
      }
      // Whoever takes the request takes its place too, so it is given back from here on only.
      work.signal.addEventListener('abort', request.leave, { once: true })
      metrics.stage('open', performance.now() - begun)
      log.debug({ source: request.video.source, at: placeText(work.at, offset) }, 'input begun')
      yield request
    } catch (thrown) {
      failures.failed({ work, trace, uri }, asStanflowError(thrown))
    }
  }
}

async function orderOf({ at }: Work, value: Buffer, { wire, prefix }: OrdersOptions): Promise<Order> {
  if (at.topic === topicName(prefix, 'clips')) return { clip: await wire.decode('clip', value) }
  return { video: await wire.decode('video', value) }
}

/** Where bytes lie that are not in the record itself. */
const uriOf = (order: Order): string => ('clip' in order ? (order.clip.claim?.uri ?? '') : order.video.uri)

async function requestOf(
  order: Order,
  shared: { readonly work: Work; readonly trace: Traced; readonly uri: string },
  again: Again,
  { decoding, places, sampling: own }: OrdersOptions,
): Promise<Request> {
  let left = false
  const leave = (): void => {
    if (!left) decoding.give()
    left = true
  }
  if ('clip' in order) {
    const { clip } = order
    const sampling: Sampling = { kind: 'uniform', frames: own.frames }
    return { ...shared, leave, video: momentOf(clip), sampling, slug: `clip-${own.frames}`, clip }
  }
  const sampling = samplingOf(order.video.sample, own)
  const video = await persist(() => videoOf(order.video, places), again)
  return { ...shared, leave, video, sampling, slug: samplingSlug(sampling) }
}

function quarantined({ deaths, at, record }: Work, attempts: number): StanflowError {
  const times = `${deaths} ${deaths === 1 ? 'process' : 'processes'}`
  const sentence = `${times} died while at work on ${placeText(at, record.offset)}; ${attempts} are too many.`
  return new StanflowError('MESSAGE_QUARANTINED', sentence)
}
