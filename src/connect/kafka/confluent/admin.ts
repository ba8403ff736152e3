import { setTimeout as sleep } from 'node:timers/promises'
import { StanflowError } from '../../../errors.js'
import type { Admin, Checkpoint, Range, TopicFacts, TopicSpec } from '../client.js'
import { TOPIC_EXISTS, UNSTABLE_OFFSET } from './errors.js'
import { Heard } from './heard.js'
import {
  type Conf,
  called,
  type Library,
  type LibraryAdmin,
  type LibraryError,
  type LibraryTopic,
} from './library.js'

const CALL_MS = 10_000
const CONNECT_MS = 5000
const [EARLIEST, LATEST] = [{ timestamp: -2 }, { timestamp: -1 }]
/** A topic that was just made has no leaders for a moment, and a transaction that just ended no markers. */
const TRIES = 50
const PAUSE_MS = 100

type Aside = <T>(ask: (admin: Admin) => Promise<T>) => Promise<T>

export class ConfluentAdmin implements Admin {
  readonly #admin: LibraryAdmin
  readonly #aside: Aside
  readonly #heard = new Heard()

  /** @param aside asks another client what this library cannot tell */
  constructor(library: Library, conf: Conf, aside: Aside) {
    this.#admin = library.AdminClient.create(conf, this.#heard.listeners)
    this.#aside = aside
  }

  /** Nothing is connected before something is asked. */
  async connect(): Promise<void> {
    await this.#topics('Cannot connect', CONNECT_MS)
  }

  async close(): Promise<void> {
    this.#admin.disconnect()
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    const made: string[] = []
    for (const { topic, partitions, replicas, config } of topics) {
      const spec = { topic, num_partitions: partitions, replication_factor: replicas ?? -1, config }
      try {
        await called((done) => this.#admin.createTopic(spec, CALL_MS, done))
        made.push(topic)
      } catch (error) {
        if ((error as LibraryError).code !== TOPIC_EXISTS)
          throw this.#heard.why(`Cannot create ${topic}`, error)
      }
    }
    for (const { topic, partitions } of topics) await this.#led(topic, partitions)
    return made
  }

  async describeTopics(topics?: readonly string[]): Promise<readonly TopicFacts[]> {
    const there = await this.#topics('Cannot describe topics')
    const wanted = topics === undefined ? there : topics.filter((topic) => there.includes(topic))
    if (wanted.length === 0) return []
    return (await this.#describe(wanted)).map(({ name, partitions }) => ({
      ...{ topic: name, partitions: partitions.length },
      replicas: partitions[0]?.replicas.length ?? 0,
    }))
  }

  topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    return this.#aside((admin) => admin.topicConfig(topic))
  }

  clusterId(): Promise<string> {
    return this.#aside((admin) => admin.clusterId())
  }

  async ranges(topic: string): Promise<readonly Range[]> {
    const what = `Cannot read the offsets of ${topic}`
    const [facts] = await this.#describe([topic])
    if (facts === undefined) throw new StanflowError('KAFKA_TOPIC_MISSING', `${what}: it is not there.`)
    const ends = async (offset: { readonly timestamp: number }): Promise<Map<number, bigint>> => {
      const at = facts.partitions.map(({ partition }) => ({ topic, partition, offset }))
      const found = await this.#call(what, () =>
        called<readonly { readonly partition: number; readonly offset?: number }[]>((done) =>
          this.#admin.listOffsets(at, { timeout: CALL_MS }, done),
        ),
      )
      return new Map(found.map((one) => [one.partition, BigInt(one.offset ?? 0)]))
    }
    const [low, high] = [await ends(EARLIEST), await ends(LATEST)]
    return [...low]
      .map(([partition, from]) => ({ partition, low: from, high: high.get(partition) ?? from }))
      .sort((a, b) => a.partition - b.partition)
  }

  async checkpoints(group: string, topic: string): Promise<readonly Checkpoint[]> {
    const what = `Cannot read the offsets of group ${group}`
    for (let tries = 1; ; tries++) {
      const [found] = await this.#call(what, () =>
        called<readonly { readonly partitions: readonly OffsetFound[]; readonly error?: LibraryError }[]>(
          (done) =>
            this.#admin.listConsumerGroupOffsets(
              [{ groupId: group, partitions: null }],
              { timeout: CALL_MS, requireStableOffsets: true },
              done as never,
            ),
        ),
      )
      const own = (found?.partitions ?? []).filter((one) => one.topic === topic)
      const error = found?.error ?? own.find((one) => one.error !== undefined)?.error
      if (error === undefined) {
        return own
          .filter(({ offset }) => offset >= 0)
          .map(({ partition, offset, metadata }) => ({
            ...{ topic, partition, offset: BigInt(offset) },
            ...(metadata !== null && metadata !== '' && { metadata }),
          }))
      }
      if (error.code !== UNSTABLE_OFFSET || tries === TRIES) throw this.#heard.why(what, error)
      await sleep(PAUSE_MS)
    }
  }

  async members(group: string): Promise<readonly string[]> {
    const { groups } = await this.#call(`Cannot describe group ${group}`, () =>
      called<{ readonly groups: readonly { readonly members: readonly { readonly clientId: string }[] }[] }>(
        (done) => this.#admin.describeGroups([group], { timeout: CALL_MS }, done),
      ),
    )
    return groups.flatMap(({ members }) => members.map(({ clientId }) => clientId))
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      await this.#call(`Cannot delete ${topic}`, () =>
        called((done) => this.#admin.deleteTopic(topic, CALL_MS, done)),
      )
    }
  }

  async #led(topic: string, partitions: number): Promise<void> {
    for (let tries = 1; tries <= TRIES; tries++) {
      const [facts] = await this.#describe([topic])
      if (facts?.partitions.every(({ leader }) => (leader?.id ?? -1) >= 0) && facts.partitions.length > 0)
        return
      await sleep(PAUSE_MS)
    }
    throw new StanflowError('KAFKA_UNREACHABLE', `${topic} has no leaders for its ${partitions} partitions.`)
  }

  #topics(what: string, timeout = CALL_MS): Promise<readonly string[]> {
    return this.#call(what, () =>
      called<readonly string[]>((done) => this.#admin.listTopics({ timeout }, done)),
    )
  }

  async #describe(topics: readonly string[]): Promise<readonly LibraryTopic[]> {
    const found = await this.#call('Cannot describe topics', () =>
      called<readonly LibraryTopic[]>((done) =>
        this.#admin.describeTopics(topics, { timeout: CALL_MS }, done),
      ),
    )
    return found.filter(({ error }) => error === undefined)
  }

  #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    return this.#heard.unless(what, call())
  }
}

interface OffsetFound {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string | null
  readonly error?: LibraryError
}
