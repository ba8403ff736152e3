import type kafkajs from 'kafkajs'
import { StanflowError } from '../../../errors.js'
import type {
  Checkpoint,
  ConsumedRecord,
  Consumer,
  ConsumerOptions,
  Headers,
  TopicPartition,
} from '../client.js'
import { kafkaError, within } from '../errors.js'
import { HeldPartitions } from '../held.js'

const STOP_MS = 10_000
const COMMIT_MS = 15_000
const JOIN_MS = 90_000
/** What trying again does not mend. */
const HOPELESS: readonly string[] = ['KAFKA_AUTH', 'KAFKA_TLS', 'KAFKA_FORBIDDEN', 'KAFKA_TOPIC_MISSING']
/** A resumed partition waits for the fetch before to come back, which takes so long where there is nothing new. */
const FETCH_MS = 200

/**
 * kafkajs's consumer as one that gives what it is asked for: its handler returns at once, so that it heartbeats in
 * time, partitions are bounded by pausing, and what it fetches on its own account (it begins a partition where the
 * group stands) is dropped until the partition is started.
 */
export class KafkaJsConsumer implements Consumer {
  readonly #consumer: kafkajs.Consumer
  readonly #options: ConsumerOptions
  readonly #held = new HeldPartitions()
  #stopped = false

  constructor(kafka: kafkajs.Kafka, options: ConsumerOptions) {
    const { group, sessionTimeout = 30_000, bytesPerPartition = 1_048_576 } = options
    this.#options = options
    this.#consumer = kafka.consumer({
      groupId: group,
      sessionTimeout,
      rebalanceTimeout: Math.max(sessionTimeout, 10_000),
      heartbeatInterval: Math.min(3000, Math.floor(sessionTimeout / 6)),
      maxBytesPerPartition: bytesPerPartition,
      maxWaitTimeInMs: FETCH_MS,
      allowAutoTopicCreation: false,
      // A broker that is away for minutes is waited for; only what waiting cannot mend is a failure.
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 2000,
        retries: 10,
        restartOnFailure: async () => !this.#stopped,
      },
    })
  }

  async connect(): Promise<void> {
    const { topics, events } = this.#options
    const { GROUP_JOIN, REBALANCING, CRASH, END_BATCH_PROCESS } = this.#consumer.events
    let joined = (): void => undefined
    let refused = (_error: Error): void => undefined
    let last = new StanflowError('KAFKA_UNREACHABLE', `Group ${this.#options.group} let nobody join in time.`)
    const first = new Promise<void>((resolve, reject) => {
      joined = resolve
      refused = reject
    })
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#assigned(payload.memberAssignment)
      joined()
    })
    this.#consumer.on(REBALANCING, () => events.rebalancing?.())
    this.#consumer.on(CRASH, ({ payload: { error, restart } }) => {
      const failure = kafkaError(`The consumer of group ${this.#options.group} failed`, error)
      if (!restart || HOPELESS.includes(failure.code)) refused(failure)
      last = failure
      if (!restart || this.#stopped) events.failed(failure)
    })
    // Batches that hold nothing but control records are shown to no handler.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload }) => this.#passed(payload))
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, isStale, resolveOffset }) => {
        if (!isStale()) this.#take(batch, resolveOffset)
      },
    })
    // A broker that has just come up loads its groups first.
    const patience = setTimeout(() => refused(last), JOIN_MS)
    await first
      .catch(async (error: unknown) => {
        await this.stop()
        throw error
      })
      .finally(() => clearTimeout(patience))
  }

  start(at: TopicPartition, offset: bigint): void {
    if (!this.#held.start(at, offset)) return
    this.#consumer.seek({ ...at, offset: String(offset) })
    this.#consumer.resume([{ topic: at.topic, partitions: [at.partition] }])
  }

  pause(at: TopicPartition): void {
    if (this.#held.pause(at) !== undefined)
      this.#consumer.pause([{ topic: at.topic, partitions: [at.partition] }])
  }

  resume(at: TopicPartition): void {
    if (this.#held.resume(at)) this.#consumer.resume([{ topic: at.topic, partitions: [at.partition] }])
  }

  async commit(checkpoints: readonly Checkpoint[]): Promise<void> {
    const offsets = checkpoints.map(({ topic, partition, offset, metadata }) => {
      return { topic, partition, offset: String(offset), metadata: metadata ?? null }
    })
    try {
      await within(COMMIT_MS, 'Cannot commit offsets', this.#consumer.commitOffsets(offsets))
    } catch (error) {
      const what = `Cannot commit offsets of ${this.#options.group}`
      if (error instanceof Error && error.message.includes('not initialized')) {
        throw new StanflowError('KAFKA_UNREACHABLE', `${what}: this member is about to join anew.`, {
          cause: error,
        })
      }
      throw kafkaError(what, error)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#held.clear()
    // Leaving is a courtesy; without it the group goes on after the session timeout.
    await within(STOP_MS, 'Cannot leave the group', this.#consumer.disconnect()).catch(() => undefined)
  }

  #assigned(assignment: Readonly<Record<string, readonly number[]>>): void {
    const partitions = Object.entries(assignment).flatMap(([topic, list]) =>
      list.map((partition) => ({ topic, partition })),
    )
    this.#held.assign(partitions)
    // Joining made kafkajs forget where it was, and perhaps what was paused.
    for (const { at, position, paused } of this.#held.all) {
      const list = [{ topic: at.topic, partitions: [at.partition] }]
      if (position !== undefined) this.#consumer.seek({ ...at, offset: String(position) })
      if (paused) this.#consumer.pause(list)
      else this.#consumer.resume(list)
    }
    this.#options.events.assigned(partitions)
  }

  #take(batch: kafkajs.Batch, resolveOffset: (offset: string) => void): void {
    const { topic, partition } = batch
    // Past control records too, which only the last offset of the batch knows of.
    const last = BigInt(batch.lastOffset())
    const fetched = batch.messages.map(consumed)
    const { isAsked, records } = this.#held.take({ topic, partition }, fetched, last + 1n)
    if (!isAsked) return
    resolveOffset(String(last))
    const { events } = this.#options
    const high = BigInt(batch.highWatermark)
    if (records.length > 0) events.records({ topic, partition, records, high })
    events.reached?.({ topic, partition }, last + 1n, high)
  }

  #passed(payload: kafkajs.ConsumerEndBatchProcessEvent['payload']): void {
    const { topic, partition, batchSize, firstOffset, lastOffset, highWatermark } = payload
    if (batchSize > 0) return
    const next = BigInt(lastOffset) + 1n
    if (!this.#held.pass({ topic, partition }, BigInt(firstOffset ?? lastOffset), next)) return
    this.#options.events.reached?.({ topic, partition }, next, BigInt(highWatermark))
  }
}

function consumed({ offset, key, value, headers, timestamp }: kafkajs.KafkaMessage): ConsumedRecord {
  const texts: Record<string, string> = {}
  for (const [name, given] of Object.entries(headers ?? {})) {
    // A header may be there without a value, which the type of kafkajs does not know.
    const one = (Array.isArray(given) ? given[0] : given) ?? undefined
    if (one !== undefined) texts[name] = one.toString()
  }
  return {
    offset: BigInt(offset),
    key,
    value,
    headers: texts satisfies Headers,
    timestamp: Number(timestamp),
  }
}
