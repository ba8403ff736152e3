import { createTopics } from '../../pipelines/topics.js'
import type { KafkaClient, Producer } from '../../src/connect/kafka/client.js'
import { deadLetter } from '../../src/connect/kafka/dead-letter.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { EventRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { StanflowError } from '../../src/errors.js'
import { sharedBroker, topicPrefix } from '../support/kafka.js'

/** Topics of one test on the shared broker, and what cameras and rules would write to them. */
export class TestTopics {
  readonly options: { readonly kafka: { readonly brokers: readonly string[] }; readonly prefix: string }
  readonly #client: KafkaClient
  readonly #producer: Producer
  readonly #wire: Wire

  private constructor(options: TestTopics['options'], client: KafkaClient, producer: Producer) {
    this.options = options
    this.#client = client
    this.#producer = producer
    this.#wire = new Wire({ prefix: options.prefix })
  }

  static async make(partitions = 2): Promise<TestTopics> {
    const options = { kafka: { brokers: [(await sharedBroker()).plain] }, prefix: topicPrefix() }
    await createTopics({ ...options, partitions })
    const client = await openKafka(options.kafka)
    return new TestTopics(options, client, await client.producer())
  }

  async labels(source: string, end: number, labels: Readonly<Record<string, number>>): Promise<void> {
    const value = await this.#wire.encode('label', {
      ...{
        clip_id: `${source} ${end}`,
        source,
        clip_index: 0,
        start: end - 2,
        end,
        model_digest: 'ab'.repeat(32),
      },
      ...{ sampling: 'window-12-2s-2s', label_set: 'cd'.repeat(32) },
      labels: Object.entries(labels).map(([label, score]) => ({ label, score, similarity: score / 3 })),
    })
    await this.#send('labels', source, value)
  }

  async event(facts: Partial<EventRecord> & Pick<EventRecord, 'event_id'>): Promise<void> {
    const event: EventRecord = {
      ...{
        episode_id: facts.event_id,
        source: 'camera:hall',
        kind: 'rule-opened',
        start: Date.now() / 1000,
        end: null,
      },
      ...{ rule: 'falls', label: 'a person falls', peak: 0.9, clip_ids: [], thumbnail: null, video: null },
      ...{ code: null, detail: null },
      ...facts,
    }
    await this.#send('events', event.source, await this.#wire.encode('event', event))
  }

  /** A video that failed, as a consumer would give it up. */
  async deadLetter(source: string): Promise<void> {
    const { prefix } = this.options
    const value = await this.#wire.encode('video', {
      ...{ request_id: source, source, uri: `/nowhere/${source}`, bytes: null, etag: null, sample: null },
    })
    const record = { offset: 0n, key: Buffer.from(source), value, headers: {}, timestamp: Date.now() }
    const error = new StanflowError('MEDIA_DECODE', `${source} is damaged.`)
    const at = { topic: topicName(prefix, 'videos'), partition: 0 }
    const why = { error, attempts: 1, group: `${prefix}consume` }
    await this.#producer.send([deadLetter(topicName(prefix, 'dead-letter'), at, record, why)])
  }

  async close(): Promise<void> {
    await this.#producer.close()
    await this.#client.close()
  }

  async #send(name: 'labels' | 'events', key: string, value: Buffer): Promise<void> {
    await this.#producer.send([{ topic: topicName(this.options.prefix, name), key, value, headers: {} }])
  }
}
