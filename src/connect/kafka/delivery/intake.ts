import type { StanflowError } from '../../../errors.js'
import {
  type Admin,
  type Consumer,
  type KafkaClient,
  type OutgoingRecord,
  partitionKey,
  type TopicPartition,
} from '../client.js'
import { Lane, type LaneEvents, type LaneFacts } from './lane.js'
import type { Work } from './work.js'

export interface IntakeOptions {
  readonly client: KafkaClient
  readonly admin: Admin
  readonly group: string
  readonly topics: readonly string[]
  /** Names this process among the members of the group. */
  readonly me: string
  /** What results are made by: clips committed under another recipe do not count. */
  readonly recipe: string
  /** Deaths after which a record is not worked on any more. */
  readonly attempts: number
  /** Milliseconds. */
  readonly sessionTimeout: number
  /** Milliseconds after which the broker ends a transaction that nobody ends. */
  readonly transactionTimeout: number
  readonly events?: Partial<Pick<LaneEvents, 'committed' | 'lost'>> & {
    readonly assigned?: (partitions: readonly TopicPartition[]) => void
  }
}

/** How often it is asked how long the logs are. */
const LOOK_MS = 30_000

/** Records of a group's partitions as work to be done, and its results back into Kafka, exactly once. */
export class Intake {
  readonly #options: IntakeOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #closing = new Set<Promise<void>>()
  #consumer: Consumer | undefined
  #rebalancing = false
  #draining = false
  #failure: StanflowError | undefined
  #suspect: Work | undefined
  #turn = 0
  #looking: NodeJS.Timeout | undefined
  #wake: () => void = () => undefined

  private constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Joins the group. @throws StanflowError KAFKA_* */
  static async open(options: IntakeOptions): Promise<Intake> {
    const intake = new Intake(options)
    await intake.#join()
    return intake
  }

  async #join(): Promise<void> {
    const { client, group, topics, me, sessionTimeout } = this.#options
    /** The first comes before there is a consumer to start partitions with. */
    const early: (readonly TopicPartition[])[] = []
    this.#consumer = await client.consumer({
      ...{ group, topics, clientId: me, sessionTimeout },
      events: {
        assigned: (partitions) => {
          if (this.#consumer === undefined) early.push(partitions)
          else this.#assigned(partitions)
        },
        rebalancing: () => {
          this.#rebalancing = true
        },
        records: (batch) => this.#lanes.get(partitionKey(batch))?.put(batch),
        reached: (at, offset, high) => this.#lanes.get(partitionKey(at))?.reached(offset, high),
        failed: (error) => this.#fail(error as StanflowError),
      },
    })
    this.#looking = setInterval(() => void this.#look(), LOOK_MS).unref()
    for (const partitions of early) this.#assigned(partitions)
  }

  get lanes(): readonly (TopicPartition & LaneFacts)[] {
    return [...this.#lanes.values()].map((lane) => ({ ...lane.at, ...lane.facts }))
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Work as it comes, from all partitions in turn, until drained. @throws what made it fail */
  async *works(): AsyncGenerator<Work, void, undefined> {
    while (!this.#draining) {
      if (this.#failure !== undefined) throw this.#failure
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const work = this.#rebalancing ? undefined : await this.#next()
      if (work !== undefined) yield work
      else await woken
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Commits what follows from no record of a partition, while it is held; resolves with whether it was committed. */
  async aside(at: TopicPartition, make: () => Promise<readonly OutgoingRecord[]>): Promise<boolean> {
    return (await this.#lanes.get(partitionKey(at))?.aside(make)) ?? false
  }

  /** Nothing new is begun. */
  drain(): void {
    this.#draining = true
    this.#wake()
  }

  /** Commits what is done, lets go of all partitions and leaves the group. */
  async close(): Promise<void> {
    this.drain()
    clearInterval(this.#looking)
    const lanes = [...this.#lanes.values()]
    // After a failure too: who ended in order did not die at a record.
    await Promise.all(lanes.map((lane) => lane.release()))
    await Promise.all(lanes.map((lane) => lane.close()))
    await Promise.all(this.#closing)
    await this.#consumer?.stop()
  }

  /** What is behind is asked for again: the consumer hears of it only as it fetches. */
  async #look(): Promise<void> {
    const { admin, topics } = this.#options
    for (const topic of topics) {
      // A broker that is away is found out by others.
      const ranges = await admin.ranges(topic).catch(() => [])
      for (const { partition, high } of ranges) {
        this.#lanes.get(partitionKey({ topic, partition }))?.look(high)
      }
    }
  }

  async #next(): Promise<Work | undefined> {
    const lanes = [...this.#lanes.values()]
    for (let i = 0; i < lanes.length; i++) {
      const lane = lanes[(this.#turn + i) % lanes.length] as Lane
      const work = lane.suspicious ? await this.#nextSuspect(lane) : lane.take()
      if (work === undefined) continue
      this.#turn = (this.#turn + i + 1) % lanes.length
      return work
    }
    return undefined
  }

  /** One record at a time that may kill this process: then it is known which it was. */
  async #nextSuspect(lane: Lane): Promise<Work | undefined> {
    if (this.#suspect !== undefined) return undefined
    const work = await lane.takeSuspect()
    if (work === undefined) return undefined
    this.#suspect = work
    void work.settled.then(() => {
      this.#suspect = undefined
      this.#wake()
    })
    return work
  }

  #assigned(partitions: readonly TopicPartition[]): void {
    this.#rebalancing = false
    const now = new Map(partitions.map((at) => [partitionKey(at), at]))
    for (const [key, lane] of this.#lanes) {
      if (now.has(key)) continue
      this.#lanes.delete(key)
      const closing = lane.close().finally(() => this.#closing.delete(closing))
      this.#closing.add(closing)
    }
    for (const [key, at] of now) {
      if (!this.#lanes.has(key)) this.#lanes.set(key, this.#lane(at))
    }
    this.#options.events?.assigned?.(partitions)
    this.#wake()
  }

  #lane(at: TopicPartition): Lane {
    const { client, admin, group, me, recipe, attempts, transactionTimeout, events } = this.#options
    return new Lane({
      ...{ at, client, admin, group, me, recipe, attempts, transactionTimeout },
      consumer: () => this.#consumer as Consumer,
      events: {
        ready: () => this.#wake(),
        committed: (facts) => events?.committed?.(facts),
        lost: (lost, error) => events?.lost?.(lost, error),
        failed: (error) => this.#fail(error),
      },
    })
  }

  #fail(error: StanflowError): void {
    this.#failure ??= error
    this.#wake()
  }
}
