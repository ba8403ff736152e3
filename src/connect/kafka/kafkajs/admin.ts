import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import type { Admin, Checkpoint, Range, TopicFacts, TopicSpec } from '../client.js'
import { kafkaError, protocolType, within } from '../errors.js'

const CALL_MS = 60_000

const LEADERLESS = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE']
const NEW = [...LEADERLESS, 'UNKNOWN_TOPIC_OR_PARTITION']
const LEADER_TRIES = 50
const LEADER_MS = 100

/** A broker is told that it leads a new topic's partition a moment after everybody else is. */
async function whileLeaderless<T>(
  call: () => Promise<T>,
  passing: readonly string[] = LEADERLESS,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (tries === LEADER_TRIES || !passing.includes(protocolType(error) ?? '')) throw error
      await sleep(LEADER_MS)
    }
  }
}

export class KafkaJsAdmin implements Admin {
  readonly #admin: kafkajs.Admin

  constructor(kafka: kafkajs.Kafka) {
    this.#admin = kafka.admin()
  }

  connect(): Promise<void> {
    return this.#admin.connect()
  }

  close(): Promise<void> {
    return this.#admin.disconnect()
  }

  async clusterId(): Promise<string> {
    return this.#call(
      'Cannot describe the cluster',
      async () => (await this.#admin.describeCluster()).clusterId,
    )
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    return this.#call('Cannot create topics', async () => {
      const there = new Set(await this.#admin.listTopics())
      const missing = topics.filter(({ topic }) => !there.has(topic))
      if (missing.length === 0) return []
      await this.#admin.createTopics({
        // Its own wait fails where a broker does not know yet what it has just made.
        waitForLeaders: false,
        topics: missing.map(({ topic, partitions, replicas, config }) => ({
          ...{ topic, numPartitions: partitions, replicationFactor: replicas ?? -1 },
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        })),
      })
      const made = missing.map(({ topic }) => topic)
      await whileLeaderless(() => this.#admin.fetchTopicMetadata({ topics: made }), NEW)
      return made
    })
  }

  async describeTopics(topics?: readonly string[]): Promise<readonly TopicFacts[]> {
    return this.#call('Cannot describe topics', async () => {
      const there = await this.#admin.listTopics()
      const wanted = topics === undefined ? there : topics.filter((topic) => there.includes(topic))
      if (wanted.length === 0) return []
      const { topics: found } = await this.#admin.fetchTopicMetadata({ topics: wanted })
      return found.map(({ name, partitions }) => ({
        ...{ topic: name, partitions: partitions.length },
        replicas: partitions[0]?.replicas.length ?? 0,
      }))
    })
  }

  async topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    return this.#call(`Cannot read the configuration of ${topic}`, async () => {
      const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }
      const { resources } = await this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [resource],
      })
      const entries = resources[0]?.configEntries ?? []
      return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]))
    })
  }

  async ranges(topic: string): Promise<readonly Range[]> {
    return this.#call(`Cannot read the offsets of ${topic}`, async () => {
      const offsets = await whileLeaderless(() => this.#admin.fetchTopicOffsets(topic))
      return offsets
        .map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }))
        .sort((a, b) => a.partition - b.partition)
    })
  }

  async checkpoints(group: string, topic: string): Promise<readonly Checkpoint[]> {
    return this.#call(`Cannot read the offsets of group ${group}`, async () => {
      const [found] = await this.#admin.fetchOffsets({ groupId: group, topics: [topic] })
      return (found?.partitions ?? [])
        .filter(({ offset }) => BigInt(offset) >= 0n)
        .map(({ partition, offset, metadata }) => ({
          ...{ topic, partition, offset: BigInt(offset) },
          // librdkafka's binding ends texts with a zero.
          ...(metadata !== null && metadata !== '' && { metadata: metadata.replace(/\0$/, '') }),
        }))
    })
  }

  async members(group: string): Promise<readonly string[]> {
    return this.#call(`Cannot describe group ${group}`, async () => {
      const { groups } = await this.#admin.describeGroups([group])
      return groups.flatMap(({ members }) => members.map(({ clientId }) => clientId))
    })
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    await this.#call('Cannot delete topics', () => this.#admin.deleteTopics({ topics: [...topics] }))
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await within(CALL_MS, what, call())
    } catch (error) {
      throw kafkaError(what, error)
    }
  }
}
