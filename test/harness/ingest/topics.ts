import { openKafka } from '../../../src/connect/kafka/open.js'
import { readTopics } from '../../../src/connect/kafka/read-topic.js'
import type { ValueName, Values } from '../../../src/connect/kafka/records.js'
import { type TopicName, topicName, topicSpecs } from '../../../src/connect/kafka/topics.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { Broker } from '../../support/broker.js'

/** A broker with stanflow's topics, and what they hold. */
export class Topics {
  readonly prefix = 'live.'
  readonly broker: Broker
  readonly #wire = new Wire({ prefix: this.prefix })

  private constructor(broker: Broker) {
    this.broker = broker
  }

  static async start(partitions = 3): Promise<Topics> {
    const topics = new Topics(await Broker.start())
    const client = await openKafka({ brokers: [topics.brokers] })
    await (await client.admin()).createTopics(topicSpecs(topics.prefix, partitions))
    await client.close()
    return topics
  }

  get brokers(): string {
    return this.broker.addresses.plain
  }

  /** Everything a topic holds now. */
  async all<N extends ValueName>(topic: TopicName, value: N): Promise<Values[N][]> {
    const values: Values[N][] = []
    await this.#read([topic], 'beginning', async (_topic, bytes) => {
      values.push(await this.#wire.decode(value, bytes))
    })
    return values
  }

  /** Calls back with what comes from now on, until the signal. */
  async follow(
    topics: Partial<Record<TopicName, ValueName>>,
    signal: AbortSignal,
    onRecord: (topic: TopicName, value: unknown, at: number) => void,
  ): Promise<void> {
    const names = Object.keys(topics) as TopicName[]
    await this.#read(
      names,
      'now',
      async (topic, bytes) => {
        const at = Date.now() / 1000
        onRecord(topic, await this.#wire.decode(topics[topic] as ValueName, bytes), at)
      },
      signal,
    )
  }

  async #read(
    topics: readonly TopicName[],
    from: 'beginning' | 'now',
    onRecord: (topic: TopicName, bytes: Buffer | null) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const client = await openKafka({ brokers: [this.brokers] })
    try {
      const admin = await client.admin()
      const names = topics.map((topic) => topicName(this.prefix, topic))
      const options = { client, admin, topics: names, from, toEnd: from === 'beginning' }
      for await (const { topic, value } of readTopics({
        ...options,
        ...(signal !== undefined && { signal }),
      })) {
        await onRecord(topic.slice(this.prefix.length) as TopicName, value)
      }
    } finally {
      await client.close()
    }
  }

  stop(): Promise<void> {
    return this.broker.stop()
  }
}
