import { setTimeout as sleep } from 'node:timers/promises'
import { partitionKey } from '../../src/connect/kafka/client.js'
import { placeText } from '../../src/connect/kafka/dead-letter.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { type ReadRecord, readTopics } from '../../src/connect/kafka/read-topic.js'
import type { EmbeddingRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { asStanflowError, type ErrorCode, StanflowError } from '../../src/errors.js'
import { patience, persist } from '../../src/persist.js'
import { silentLog } from '../../src/telemetry/log.js'
import type { BehindFacts } from '../../src/telemetry/metrics.js'
import { awaitBroker, reachCluster } from '../cluster.js'
import type { KafkaOptions } from '../kafka.js'
import type { Feed } from './feed.js'
import { partitionMark } from './marks.js'
import type { IndexHooks } from './options.js'

/** How long a result waits in memory for others to be written with it. */
const FLUSH_MS = 1000
/** What passes by itself. */
const PASSING: readonly ErrorCode[] = ['KAFKA_UNREACHABLE', 'KAFKA_REGISTRY']

export interface FollowOptions extends KafkaOptions {
  /** End once nothing new has come for so many seconds. */
  readonly untilQuiet?: number
}

/**
 * Results out of their topics, from where the index stands: how far it has read each partition is marked in the index
 * itself, after what it read.
 */
export async function fromKafka(options: FollowOptions, feed: Feed, hooks: IndexHooks): Promise<void> {
  const { kafka, prefix, registry, untilQuiet = Number.POSITIVE_INFINITY } = options
  const { writer, index, signal } = feed
  const log = hooks.log ?? silentLog()
  const again = patience({
    passing: PASSING,
    signal,
    onWait: ({ code, message }) => log.warn({ code, reason: message }, 'tried again'),
  })
  const client = await openKafka(kafka)
  const stop = new AbortController()
  let records: AsyncGenerator<ReadRecord, void, undefined> | undefined
  try {
    let isReached = false
    hooks.onWaiting?.(() => (isReached ? undefined : 'the broker is waited for'))
    const awaiting = awaitBroker({ log, signal })
    const reached = await reachCluster(client, { prefix, topics: ['embeddings', 'labels'] }, awaiting)
    const { admin, topics } = reached
    const cluster = await awaiting(() => admin.clusterId())
    const markOf = (record: Pick<ReadRecord, 'topic' | 'partition'>): string => partitionMark(cluster, record)
    const decoder = new Decoder({
      wire: new Wire({ prefix, ...(registry !== undefined && { registry }) }),
      prefix,
    })
    const offsets = new Map<string, bigint>()
    for (const topic of topics) {
      const partitions = (await awaiting(() => admin.ranges(topic))).map(({ partition }) => ({
        topic,
        partition,
      }))
      const marks = await index.marksOf(partitions.map(markOf))
      for (const at of partitions) {
        const mark = marks.get(markOf(at))
        if (mark !== undefined) offsets.set(partitionKey(at), BigInt(mark))
      }
    }
    /** When the oldest record was written, of each partition, that is not in the index yet. */
    const waiting = new Map<string, BehindFacts & { readonly since: number }>()
    hooks.metrics?.behind(() =>
      [...waiting.values()].map((one) => ({ ...one, behind: Math.max(0, Date.now() - one.since) / 1000 })),
    )
    const ended = AbortSignal.any([signal, stop.signal])
    records = readTopics({ client, admin, topics, from: { offsets }, toEnd: false, signal: ended })
    isReached = true
    let next = records.next()
    next.catch(() => undefined)
    hooks.onReady?.()
    let [last, flushed] = [performance.now(), performance.now()]
    while (!signal.aborted && performance.now() - last < untilQuiet * 1000) {
      const came = await Promise.race([next, pause(FLUSH_MS / 4)])
      if (came !== undefined) {
        if (came.done) break
        last = performance.now()
        const record = came.value
        const { topic, partition, timestamp } = record
        if (!waiting.has(partitionKey(record))) {
          waiting.set(partitionKey(record), { topic, partition, behind: 0, since: timestamp })
        }
        const result = await persist(() => decoder.decode(record), again).catch(asStanflowError)
        const refused = result instanceof StanflowError ? result : await take(feed, result)
        if (refused !== undefined) {
          if (signal.aborted) break
          const { code, message: reason } = refused
          log.error({ at: placeText(record, record.offset), code, reason }, 'passed over: it cannot be read')
          feed.unreadable()
        }
        writer.mark({ key: markOf(record), value: String(record.offset + 1n) })
        feed.read()
        next = records.next()
        next.catch(() => undefined)
      }
      if (performance.now() - flushed < FLUSH_MS) continue
      const begun = performance.now()
      await feed.settle()
      waiting.clear()
      flushed = performance.now()
      hooks.metrics?.stage('put', flushed - begun)
    }
    stop.abort()
    await writer.flush()
  } finally {
    // Also where a record ended it: what reads on keeps the process.
    stop.abort()
    await records?.return(undefined)
    await client.close()
  }
}

const pause = async (milliseconds: number): Promise<undefined> => {
  await sleep(milliseconds)
  return undefined
}

type Result =
  | { readonly kind: 'clip'; readonly value: EmbeddingRecord }
  | { readonly kind: 'labels'; readonly value: LabelsRecord }

class Decoder {
  readonly #wire: Wire
  readonly #embeddings: string

  constructor({ wire, prefix }: { readonly wire: Wire; readonly prefix: string }) {
    this.#wire = wire
    this.#embeddings = topicName(prefix, 'embeddings')
  }

  /** @throws StanflowError KAFKA_SCHEMA, KAFKA_REGISTRY */
  async decode({ topic, value }: ReadRecord): Promise<Result> {
    return topic === this.#embeddings
      ? { kind: 'clip', value: await this.#wire.decode('embedding', value) }
      : { kind: 'labels', value: await this.#wire.decode('label', value) }
  }
}

/** Answers with what is wrong with the record. @throws StanflowError INDEX_MODEL, after what came before it was written */
async function take(feed: Feed, { kind, value }: Result): Promise<StanflowError | undefined> {
  const { writer } = feed
  const modelDigest = value.model_digest
  if (!feed.wants(modelDigest)) return undefined
  const { clip_id: clipId, source, clip_index: clipIndex, start, end, sampling } = value
  if (kind === 'labels') {
    const own = { clipId, modelDigest, labelSet: value.label_set, labels: value.labels }
    await feed.label({ ...own, early: true }, value)
    return undefined
  }
  if (!(await writer.fits(modelDigest, value.dim))) {
    const sentence = `The index has other vectors of the model ${modelDigest.slice(0, 12)} than those of ${value.dim} numbers.`
    return new StanflowError('KAFKA_SCHEMA', sentence)
  }
  try {
    await writer.admit(modelDigest, value.dim)
  } catch (error) {
    await writer.flush()
    throw error
  }
  const vector = new Float32Array(value.dim)
  for (let i = 0; i < value.dim; i++) vector[i] = value.vector.readFloatLE(4 * i)
  const frameTimes = [...value.frame_times]
  await feed.add({
    ...{ clipId, source, clipIndex, start, end, frameTimes, modelDigest, sampling, vector, origin: '' },
  })
  return undefined
}
