import { StanflowError } from '../../../errors.js'
import {
  type Checkpoint,
  type ConsumedRecord,
  type Consumer,
  type ConsumerOptions,
  partitionKey,
  type TopicPartition,
} from '../client.js'
import { within } from '../errors.js'
import { HeldPartitions } from '../held.js'
import { confluentError } from './errors.js'
import { Heard } from './heard.js'
import {
  type Conf,
  called,
  type Library,
  type LibraryConsumer,
  type LibraryError,
  type LibraryMessage,
  type LibraryOffset,
} from './library.js'
import { libraryOffset } from './producer.js'

type End = TopicPartition & { readonly offset: number }

interface Commit {
  readonly checkpoints: readonly Checkpoint[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const CONNECT_MS = 10_000
const STOP_MS = 10_000
const COMMIT_MS = 15_000
const JOIN_MS = 90_000
/** Messages taken at once. */
const MOST = 500
/** How long nothing is asked for where nothing was there; librdkafka tells sooner where something comes. */
const IDLE_MS = 100
const FETCH_MS = 200
/** It is asked again and again however long work takes; who is alive is told by heartbeats. */
const POLL_MS = 86_400_000
const [ASSIGNED, REVOKED] = [-175, -174]
/** What trying again does not mend. */
const HOPELESS: readonly string[] = ['KAFKA_AUTH', 'KAFKA_TLS', 'KAFKA_FORBIDDEN', 'KAFKA_TOPIC_MISSING']

/**
 * librdkafka's consumer as one that gives what it is asked for. To the library, only partitions that were started are
 * assigned, each with where it goes on; a start or a rebalance assigns all of them anew.
 */
export class ConfluentConsumer implements Consumer {
  readonly #consumer: LibraryConsumer
  readonly #options: ConsumerOptions
  readonly #held = new HeldPartitions()
  #isMember = false
  #isAssigning = false
  #stopped = false
  #looping: Promise<void> = Promise.resolve()
  #wake = (): void => undefined
  #joined = (): void => undefined
  #refused = (_error: Error): void => undefined
  readonly #heard = new Heard()
  /** Ends of partitions that the library came to. */
  readonly #ends: End[] = []
  /** Counts on with every assignment. */
  #assignment = 0
  /** What the library was asked to commit, and no answer to has come: it answers nobody in particular. */
  readonly #commits = new Set<Commit>()

  constructor(library: Library, conf: Conf, options: ConsumerOptions) {
    const { group, sessionTimeout = 30_000, bytesPerPartition = 1_048_576 } = options
    this.#options = options
    this.#consumer = new library.KafkaConsumer(
      {
        ...conf,
        ...{ 'group.id': group, 'session.timeout.ms': sessionTimeout, 'max.poll.interval.ms': POLL_MS },
        'heartbeat.interval.ms': Math.min(3000, Math.floor(sessionTimeout / 6)),
        'partition.assignment.strategy': 'roundrobin',
        'isolation.level': 'read_committed',
        'enable.auto.commit': false,
        'enable.auto.offset.store': false,
        'enable.partition.eof': true,
        'fetch.message.max.bytes': bytesPerPartition,
        'fetch.wait.max.ms': FETCH_MS,
        'queued.max.messages.kbytes': 16_384,
        'topic.metadata.refresh.interval.ms': 10_000,
        rebalance_cb: (error: { readonly code: number }, list: readonly TopicPartition[]) =>
          this.#rebalanced(error.code, list),
        queue_non_empty_cb: () => this.#wake(),
        offset_commit_cb: (error: LibraryError | null | undefined, offsets: readonly LibraryOffset[]) =>
          this.#committed(error, offsets),
      },
      { 'auto.offset.reset': 'earliest' },
    )
    this.#heard.listen(this.#consumer)
    this.#consumer.on('event.error', (error: never) => this.#hear(error))
    this.#consumer.on('partition.eof', (end: never) => this.#ends.push(end))
  }

  async connect(): Promise<void> {
    const first = new Promise<void>((resolve, reject) => {
      this.#joined = resolve
      this.#refused = reject
    })
    first.catch(() => undefined)
    try {
      const connected = called((done) => this.#consumer.connect({ timeout: CONNECT_MS }, done))
      await this.#heard.unless(`Group ${this.#options.group} cannot be joined`, connected)
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#consumer.setDefaultConsumeTimeout(0)
    this.#consumer.subscribe(this.#options.topics)
    this.#looping = this.#loop()
    const late = new StanflowError(
      'KAFKA_UNREACHABLE',
      `Group ${this.#options.group} let nobody join in time.`,
    )
    const patience = setTimeout(() => this.#refused(late), JOIN_MS)
    await first
      .catch(async (error: unknown) => {
        await this.stop()
        throw error
      })
      .finally(() => clearTimeout(patience))
  }

  start(at: TopicPartition, offset: bigint): void {
    if (this.#held.start(at, offset)) this.#assign()
  }

  pause(at: TopicPartition): void {
    // One that was not started is not the library's yet.
    if (this.#held.pause(at)?.position !== undefined) this.#quietly(() => this.#consumer.pause([at]))
  }

  resume(at: TopicPartition): void {
    if (this.#held.resume(at)) this.#quietly(() => this.#consumer.resume([at]))
  }

  async commit(checkpoints: readonly Checkpoint[]): Promise<void> {
    const what = `Cannot commit offsets of ${this.#options.group}`
    let commit: Commit | undefined
    const answered = new Promise<void>((resolve, reject) => {
      commit = { checkpoints, resolve, reject }
      this.#commits.add(commit)
      // Called back once it is on its way only.
      this.#consumer.commitCb(checkpoints.map(libraryOffset), (error) => {
        if (error) reject(error)
      })
    })
    try {
      await within(COMMIT_MS, what, answered)
    } catch (error) {
      throw this.#heard.why(what, error)
    } finally {
      if (commit !== undefined) this.#commits.delete(commit)
    }
  }

  #committed(error: LibraryError | null | undefined, offsets: readonly LibraryOffset[]): void {
    const failed = error ?? offsets.find((one) => one.error !== undefined)?.error
    for (const commit of this.#commits) {
      const isOf = commit.checkpoints.every(({ topic, partition, offset }) =>
        offsets.some(
          (one) => one.topic === topic && one.partition === partition && one.offset === Number(offset),
        ),
      )
      if (!isOf) continue
      this.#commits.delete(commit)
      if (failed) commit.reject(failed)
      else commit.resolve()
      return
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#held.clear()
    this.#wake()
    // Leaving is a courtesy; without it the group goes on after the session timeout.
    const left = async (): Promise<void> => {
      await this.#looping
      await new Promise<void>((resolve) => this.#consumer.disconnect(resolve))
    }
    await within(STOP_MS, 'Cannot leave the group', left()).catch(() => undefined)
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, IDLE_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      try {
        const assignment = this.#assignment
        const messages = await called<readonly LibraryMessage[]>((done) => this.#consumer.consume(MOST, done))
        const ends = this.#ends.splice(0)
        if (messages.length > 0) {
          this.#heard.works()
          this.#take(messages)
        }
        // Told before what comes before them is handed on; and perhaps of what was assigned before.
        if (assignment === this.#assignment) for (const end of ends) this.#reached(end)
        if (messages.length === 0) await woken
      } catch (error) {
        this.#hear(error)
        await woken
      }
    }
  }

  #hear(error: unknown): void {
    if (this.#heard.isPassing(error)) return
    this.#heard.hear(error)
    const failure = confluentError(`The consumer of group ${this.#options.group} failed`, error)
    if (!HOPELESS.includes(failure.code) || this.#stopped) return
    this.#refused(failure)
    if (this.#isMember) this.#options.events.failed(failure)
  }

  #rebalanced(code: number, list: readonly TopicPartition[]): void {
    if (code === REVOKED) {
      this.#isMember = false
      this.#quietly(() => this.#consumer.unassign())
      if (!this.#stopped) this.#options.events.rebalancing?.()
    } else if (code === ASSIGNED) {
      this.#held.assign(list.map(({ topic, partition }) => ({ topic, partition })))
      this.#isMember = true
      this.#assignNow()
      this.#options.events.assigned(this.#held.all.map(({ at }) => at))
      this.#joined()
    }
  }

  /** Starts that come together are one assignment. */
  #assign(): void {
    if (this.#isAssigning) return
    this.#isAssigning = true
    queueMicrotask(() => {
      this.#isAssigning = false
      if (this.#isMember && !this.#stopped) this.#assignNow()
    })
  }

  #assignNow(): void {
    const started = this.#held.all.flatMap(({ at, position }) =>
      position === undefined ? [] : [{ ...at, offset: Number(position) }],
    )
    this.#assignment++
    this.#quietly(() => this.#consumer.assign(started))
    const paused = this.#held.all.filter(({ paused, position }) => paused && position !== undefined)
    if (paused.length > 0) this.#quietly(() => this.#consumer.pause(paused.map(({ at }) => at)))
  }

  #take(messages: readonly LibraryMessage[]): void {
    const fetched = new Map<string, { readonly at: TopicPartition; readonly records: ConsumedRecord[] }>()
    for (const message of messages) {
      const { topic, partition } = message
      const key = partitionKey({ topic, partition })
      const of = fetched.get(key) ?? { at: { topic, partition }, records: [] }
      of.records.push(consumed(message))
      fetched.set(key, of)
    }
    for (const { at, records: all } of fetched.values()) {
      const { records } = this.#held.take(at, all, (all.at(-1)?.offset ?? -1n) + 1n)
      const next = (records.at(-1)?.offset ?? -1n) + 1n
      if (records.length > 0) this.#options.events.records({ ...at, records, high: this.#high(at, next) })
    }
  }

  /** Past marks of transactions: the library tells of them where it comes to an end only. */
  #reached({ topic, partition, offset }: End): void {
    const [at, next] = [{ topic, partition }, BigInt(offset)]
    if (this.#held.pass(at, 0n, next)) this.#options.events.reached?.(at, next, this.#high(at, next))
  }

  #high({ topic, partition }: TopicPartition, next: bigint): bigint {
    try {
      const known = BigInt(this.#consumer.getWatermarkOffsets(topic, partition).highOffset)
      return known > next ? known : next
    } catch {
      return next
    }
  }

  /** A partition that was lost meanwhile needs neither. */
  #quietly(step: () => unknown): void {
    try {
      step()
    } catch (error) {
      this.#heard.hear(error)
    }
  }
}

function consumed({ offset, key, value, headers = [], timestamp }: LibraryMessage): ConsumedRecord {
  const texts: Record<string, string> = {}
  for (const pair of headers) {
    for (const [name, given] of Object.entries(pair)) texts[name] ??= given.toString()
  }
  return {
    offset: BigInt(offset),
    key: typeof key === 'string' ? Buffer.from(key) : key,
    value,
    headers: texts,
    timestamp,
  }
}
