import { samplingSlug } from '../../src/connect/files/layout.js'
import type { KafkaClient, OutgoingRecord, Producer } from '../../src/connect/kafka/client.js'
import { eventMessage } from '../../src/connect/kafka/event-record.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { TopicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { Event } from '../../src/domain.js'
import type { ErrorCode } from '../../src/errors.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import { awaitBroker, reachCluster } from '../cluster.js'
import { resultRecords } from '../consume/result-records.js'
import type { KafkaOptions } from '../kafka.js'
import type { LiveSink, Result } from './sink.js'

/** Trying again does not help. */
const FINAL: readonly ErrorCode[] = [
  'KAFKA_AUTH',
  'KAFKA_TLS',
  'KAFKA_FORBIDDEN',
  'KAFKA_TOPIC_MISSING',
  'KAFKA_SCHEMA',
  'KAFKA_TOO_LARGE',
  'INTERNAL',
]
const PAUSES = { first: 200, most: 10_000 }

export interface KafkaSinkOptions extends KafkaOptions {
  readonly topics: readonly TopicName[]
  readonly log: Logger
  /** Aborted when what cannot be sent is to be given up. */
  readonly giveUp: AbortSignal
  /** Aborted when it is to end: a broker that was away all the time is not waited for any more. */
  readonly signal: AbortSignal
}

/** A producer to the topics, which waits for brokers that are away. */
export class KafkaOut {
  readonly client: KafkaClient
  readonly wire: Wire
  readonly prefix: string
  readonly #again: Again
  #producer: Promise<Producer> | undefined

  private constructor(client: KafkaClient, options: KafkaSinkOptions) {
    const { prefix, registry, log, giveUp: signal } = options
    this.client = client
    this.prefix = prefix
    this.wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    this.#again = patience({
      ...{ signal, ...PAUSES },
      onWait: ({ code, message: reason }) => log.warn({ code, reason }, 'results wait for the broker'),
    })
  }

  /** Waits for a broker that is away. @throws StanflowError KAFKA_*, STOPPED */
  static async open(options: KafkaSinkOptions): Promise<KafkaOut> {
    const client = await openKafka(options.kafka)
    try {
      await reachCluster(client, options, awaitBroker(options))
      return new KafkaOut(client, options)
    } catch (error) {
      await client.close()
      throw error
    }
  }

  /** Sends records in order; tries until they are there. @throws StanflowError where that is hopeless, or given up */
  async send(make: () => Promise<readonly OutgoingRecord[]>): Promise<void> {
    const step = async (): Promise<void> => {
      const records = await make()
      this.#producer ??= this.client.producer()
      await (await this.#producer).send(records)
    }
    await persist(step, async (error, tries) => {
      await this.#letGo()
      return !FINAL.includes(error.code) && this.#again(error, tries)
    })
  }

  sendEvents(events: readonly Event[]): Promise<void> {
    const { wire, prefix } = this
    return this.send(() =>
      Promise.all(events.map((event) => eventMessage(event, { wire, prefix, by: 'ingest' }))),
    )
  }

  async close(): Promise<void> {
    await this.#letGo()
    await this.client.close()
  }

  /** A producer that failed is not to be trusted any more. */
  async #letGo(): Promise<void> {
    const before = this.#producer
    this.#producer = undefined
    await before?.then((producer) => producer.close()).catch(() => undefined)
  }
}

/** Results to the topics `embeddings` and `labels`, events to `events`. */
export async function kafkaSink(options: Omit<KafkaSinkOptions, 'topics'>): Promise<LiveSink> {
  const out = await KafkaOut.open({ ...options, topics: ['embeddings', 'labels', 'events'] })
  const { wire, prefix } = out
  const records = async ({ embedding, sampling, labelSet }: Result): Promise<readonly OutgoingRecord[]> =>
    resultRecords(embedding, samplingSlug(sampling), {}, { wire, prefix, group: 'ingest', labelSet })
  return {
    results: (results) => out.send(async () => (await Promise.all(results.map(records))).flat()),
    events: (events) => out.sendEvents(events),
    close: () => out.close(),
  }
}
