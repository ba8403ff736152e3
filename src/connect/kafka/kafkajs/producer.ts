import { setTimeout as sleep } from 'node:timers/promises'
import type kafkajs from 'kafkajs'
import type { Checkpoint, OutgoingRecord, Producer, Transaction, TransactionalProducer } from '../client.js'
import { kafkaError, protocolType, within } from '../errors.js'
import { partitioner } from './partitioner.js'

/** A transaction costs 200 ms with kafkajs's own pauses: it begins before the last one's markers are written, and is told to wait. */
const QUICK: kafkajs.RetryOptions = {
  initialRetryTime: 10,
  factor: 0,
  multiplier: 1.3,
  maxRetryTime: 1000,
  retries: 12,
}
/** Longer than any step takes with a broker that is there. */
const STEP_MS = 15_000
/** The transactions before have not left their markers yet: a matter of milliseconds. */
const BUSY = [
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
]
const BUSY_MS = 20
const PORTION_BYTES = 500_000
const BUSY_TRIES = 250

export class KafkaJsProducer implements Producer {
  readonly #producer: kafkajs.Producer
  readonly #compression: kafkajs.CompressionTypes

  constructor(kafka: kafkajs.Kafka, compression: kafkajs.CompressionTypes) {
    this.#producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: partitioner,
      retry: { initialRetryTime: 50, maxRetryTime: 2000, retries: 12 },
    })
    this.#compression = compression
  }

  connect(): Promise<void> {
    return this.#producer.connect()
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    try {
      for (const some of portions(records)) {
        await this.#producer.sendBatch({ topicMessages: byTopic(some), compression: this.#compression })
      }
    } catch (error) {
      throw kafkaError(`Cannot send to ${topicsOf(records)}`, error)
    }
  }

  close(): Promise<void> {
    return this.#producer.disconnect()
  }
}

export class KafkaJsTransactional implements TransactionalProducer {
  readonly #producer: kafkajs.Producer
  readonly #compression: kafkajs.CompressionTypes
  readonly #id: string
  /** kafkajs takes hold of the id with its first transaction, which is therefore begun at once. */
  #first: kafkajs.Transaction | undefined

  constructor(kafka: kafkajs.Kafka, compression: kafkajs.CompressionTypes, id: string, timeout: number) {
    this.#producer = kafka.producer({
      transactionalId: id,
      transactionTimeout: timeout,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: partitioner,
      retry: QUICK,
    })
    this.#compression = compression
    this.#id = id
  }

  async connect(): Promise<void> {
    try {
      await within(STEP_MS, `Cannot take hold of ${this.#id}`, this.#takeHold())
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async #takeHold(): Promise<void> {
    await this.#producer.connect()
    this.#first = await whileBusy(() => this.#producer.transaction())
  }

  async begin(): Promise<Transaction> {
    const open =
      this.#first ?? (await this.#step('Cannot begin a transaction', () => this.#producer.transaction()))
    this.#first = undefined
    return {
      send: async (records) => {
        for (const some of portions(records)) {
          await this.#step(`Cannot send to ${topicsOf(some)}`, () =>
            open.sendBatch({ topicMessages: byTopic(some), compression: this.#compression }),
          )
        }
      },
      checkpoint: (group, checkpoints) =>
        this.#step(`Cannot commit offsets of ${group}`, () =>
          whileBusy(() => open.sendOffsets({ consumerGroupId: group, topics: offsets(checkpoints) })),
        ),
      commit: () => this.#step('Cannot commit the transaction', () => open.commit()),
      abort: () => this.#step('Cannot abort the transaction', () => open.abort()),
    }
  }

  async close(): Promise<void> {
    // A connection that is gone already is as good as closed.
    await within(STEP_MS, 'Cannot disconnect', this.#producer.disconnect()).catch(() => undefined)
  }

  async #step<T>(what: string, step: () => Promise<T>): Promise<T> {
    try {
      return await within(STEP_MS, what, step())
    } catch (error) {
      throw kafkaError(what, error)
    }
  }
}

async function whileBusy<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (tries === BUSY_TRIES || !BUSY.includes(protocolType(error) ?? '')) throw error
      await sleep(BUSY_MS)
    }
  }
}

/** A broker's limit is on what is sent to a partition at once: small records go together, a large one alone. */
function* portions(records: readonly OutgoingRecord[]): Generator<readonly OutgoingRecord[]> {
  let some: OutgoingRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = (record.value?.length ?? 0) + (record.key?.length ?? 0) + 200
    if (some.length > 0 && bytes + size > PORTION_BYTES) {
      yield some
      some = []
      bytes = 0
    }
    some.push(record)
    bytes += size
  }
  if (some.length > 0) yield some
}

function byTopic(records: readonly OutgoingRecord[]): kafkajs.TopicMessages[] {
  const topics = new Map<string, kafkajs.Message[]>()
  for (const { topic, partition, key, value, headers } of records) {
    const message = { key, value, headers: { ...headers }, ...(partition !== undefined && { partition }) }
    const messages = topics.get(topic)
    if (messages === undefined) topics.set(topic, [message])
    else messages.push(message)
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }))
}

function offsets(checkpoints: readonly Checkpoint[]): kafkajs.TopicOffsets[] {
  return checkpoints.map(({ topic, partition, offset, metadata }) => ({
    topic,
    // The type of kafkajs lacks the metadata that it sends.
    partitions: [{ partition, offset: String(offset), metadata: metadata ?? '' }],
  }))
}

const topicsOf = (records: readonly OutgoingRecord[]): string =>
  [...new Set(records.map(({ topic }) => topic))].join(', ')
