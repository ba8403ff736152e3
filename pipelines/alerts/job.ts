import { type Backoff, redelivery } from '../../src/alerts/backoff.js'
import { OffsetLedger } from '../../src/alerts/ledger.js'
import { Line, type Undelivered } from '../../src/alerts/post.js'
import { type Receiver, wants } from '../../src/alerts/receiver.js'
import {
  type Admin,
  type ConsumedRecord,
  type Consumer,
  type ConsumerOptions,
  type KafkaClient,
  type Producer,
  partitionKey,
  type RecordBatch,
  type TopicPartition,
} from '../../src/connect/kafka/client.js'
import { deadLetter } from '../../src/connect/kafka/dead-letter.js'
import type { EventRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Wire } from '../../src/connect/kafka/wire.js'
import { asStanflowError, StanflowError } from '../../src/errors.js'
import { patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import type { Awaiting } from '../cluster.js'
import { processName } from '../kafka.js'

/** On a dead letter: who did not take it. Sent again, the event is for that receiver alone. */
export const ONLY_FOR = 'alert_receiver'

const COMMIT_MS = 500
/** Events of a partition in the works before it is paused, and when it goes on. */
const MOST_PENDING = 1000
const FEW_PENDING = 500

export interface JobParts {
  readonly receiver: Receiver
  readonly group: string
  readonly prefix: string
  readonly topic: string
  readonly from: 'now' | 'beginning'
  readonly backoff: Backoff
  readonly sessionTimeoutMs: number
  readonly client: KafkaClient
  readonly admin: Admin
  readonly producer: Producer
  readonly wire: Wire
  readonly log: Logger
  /** Waits for a broker that is away. */
  readonly awaiting: Awaiting
  readonly signal: AbortSignal
  readonly onOutcome: (outcome: 'taken' | 'failed' | 'dead-letter') => void
}

interface Held {
  readonly at: TopicPartition
  readonly ledger: OffsetLedger
  /** The last event in line of each source: the next waits for it. */
  readonly lanes: Map<string, Promise<void>>
  /** Aborted when the partition goes elsewhere, or all ends. */
  readonly gone: AbortController
  paused: boolean
}

/**
 * One receiver's way through the events: a consumer group of its own, so that no receiver waits for another. The events of a
 * source go one after the other, sources go side by side, and an offset is committed once nothing before it is undone.
 */
export class ReceiverJob {
  readonly #parts: JobParts
  readonly #line: Line
  readonly #held = new Map<string, Held>()
  /** Partitions that are this member's, whether begun or not. */
  #wanted: ReadonlyMap<string, TopicPartition> = new Map()
  #taking: Promise<void> = Promise.resolve()
  readonly #work = new Set<Promise<void>>()
  #consumer: Consumer | undefined
  #failure: Error | undefined
  #wake = (): void => undefined

  constructor(parts: JobParts) {
    this.#parts = parts
    this.#line = new Line(parts.receiver)
  }

  async run(onReady: () => void): Promise<void> {
    const { client, group, topic, sessionTimeoutMs, signal, awaiting } = this.#parts
    const early: (readonly TopicPartition[])[] = []
    const joining: ConsumerOptions = {
      ...{ group, topics: [topic], clientId: processName(), sessionTimeout: sessionTimeoutMs },
      events: {
        assigned: (partitions) => {
          if (this.#consumer === undefined) early.push(partitions)
          else void this.#assigned(partitions)
        },
        records: (batch) => this.#take(batch),
        failed: (error) => this.#fail(error),
      },
    }
    this.#consumer = await awaiting(() => client.consumer(joining))
    const stop = (): void => this.#wake()
    signal.addEventListener('abort', stop)
    try {
      for (const partitions of early) await this.#assigned(partitions)
      onReady()
      while (!signal.aborted && this.#failure === undefined) {
        await this.#pause()
        await this.#commit()
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      signal.removeEventListener('abort', stop)
      for (const { gone } of this.#held.values()) gone.abort()
      // A request under way has its time to be answered, so that what was taken is not sent again.
      await Promise.all(this.#work)
      await this.#commit()
      await this.#consumer.stop()
      await this.#line.close()
    }
  }

  #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    this.#wanted = new Map(partitions.map((at) => [partitionKey(at), at]))
    for (const [key, held] of this.#held) {
      if (this.#wanted.has(key)) continue
      held.gone.abort()
      this.#held.delete(key)
    }
    // One after the other: what went elsewhere while the broker was asked must not be held, or it would never be begun again.
    this.#taking = this.#taking
      .then(() => this.#takeUp())
      .catch((error: unknown) => {
        const known = asStanflowError(error)
        this.#parts.log.warn({ code: known.code, reason: known.message }, 'partitions could not be taken up')
        // Of a rebalance: what is this member's after it is taken up then.
        if (known.code !== 'KAFKA_FENCED') this.#fail(known)
      })
    return this.#taking
  }

  /** Begins partitions that are wanted and not held. @throws StanflowError KAFKA_* */
  async #takeUp(): Promise<void> {
    const { admin, group, topic, from, awaiting } = this.#parts
    if ([...this.#wanted.keys()].every((key) => this.#held.has(key))) return
    const [stood, ranges] = await awaiting(() =>
      Promise.all([admin.checkpoints(group, topic), admin.ranges(topic)]),
    )
    for (const [key, at] of this.#wanted) {
      if (this.#held.has(key)) continue
      const range = ranges.find(({ partition }) => partition === at.partition) ?? { low: 0n, high: 0n }
      const known = stood.find(({ partition }) => partition === at.partition)?.offset
      const begin = known ?? (from === 'now' ? range.high : range.low)
      const start = begin < range.low ? range.low : begin
      // Where it begins is kept at once: an event that comes while nobody runs is not to be missed.
      const keep = async () => this.#wanted.has(key) && this.#consumer?.commit([{ ...at, offset: start }])
      if (known === undefined) await awaiting(keep)
      if (!this.#wanted.has(key)) continue
      const ledger = new OffsetLedger(start)
      this.#held.set(key, { at, ledger, lanes: new Map(), gone: new AbortController(), paused: false })
      this.#consumer?.start(at, start)
    }
  }

  #take(batch: RecordBatch): void {
    const held = this.#held.get(partitionKey(batch))
    if (held === undefined) return
    for (const record of batch.records) {
      const done = held.ledger.take(record.offset)
      if (done !== undefined) this.#queue(held, record, done)
    }
    if (held.ledger.pending > MOST_PENDING && !held.paused) {
      held.paused = true
      this.#consumer?.pause(held.at)
    }
  }

  /** Behind the event of the same source that came before. */
  #queue(held: Held, record: ConsumedRecord, done: () => void): void {
    const source = record.key?.toString() ?? ''
    const before = held.lanes.get(source) ?? Promise.resolve()
    const mine = before
      .then(() => this.#handle(held, record))
      .then((handled) => {
        if (handled) done()
        if (held.paused && held.ledger.pending < FEW_PENDING) {
          held.paused = false
          this.#consumer?.resume(held.at)
        }
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#work.delete(mine)
        if (held.lanes.get(source) === mine) held.lanes.delete(source)
      })
    held.lanes.set(source, mine)
    this.#work.add(mine)
  }

  /** Answers with whether the event is over and done with: taken, not wanted, or among the dead letters. */
  async #handle(held: Held, record: ConsumedRecord): Promise<boolean> {
    const { receiver, wire } = this.#parts
    const onlyFor = record.headers[ONLY_FOR]
    if (onlyFor !== undefined && onlyFor !== receiver.name) return true
    if (held.gone.signal.aborted) return false
    let event: EventRecord
    try {
      event = await wire.decode('event', record.value)
    } catch (error) {
      return this.#bury(held, record, asStanflowError(error), 1)
    }
    return wants(receiver, event) ? this.#deliver(held, record, event) : true
  }

  async #deliver(held: Held, record: ConsumedRecord, event: EventRecord): Promise<boolean> {
    const { receiver, backoff, log, onOutcome } = this.#parts
    const { signal } = held.gone
    const about = { receiver: receiver.name, event: event.event_id }
    let last: Undelivered = { kind: 'failed', reason: 'it was not tried', refused: false }
    let tries = 0
    const post = async (): Promise<void> => {
      tries++
      const outcome = await this.#line.post(event)
      onOutcome(outcome.kind)
      if (outcome.kind === 'taken') return
      last = outcome
      const message = `The webhook ${receiver.name} did not take the event ${event.event_id}: ${outcome.reason}.`
      throw new StanflowError('WEBHOOK_FAILED', message)
    }
    const again = redelivery({
      ...{ ...backoff, last: () => last, signal },
      onWait: (_, wait) =>
        log.warn({ ...about, tries, reason: last.reason, waitMs: Math.round(wait) }, 'not delivered'),
    })
    try {
      await persist(post, again)
      log.debug({ ...about, tries }, 'delivered')
      return true
    } catch (error) {
      return !signal.aborted && this.#bury(held, record, asStanflowError(error), tries)
    }
  }

  /** To the dead letters; done only once it is there. */
  async #bury(held: Held, record: ConsumedRecord, error: StanflowError, attempts: number): Promise<boolean> {
    const { receiver, group, prefix, producer, log, onOutcome } = this.#parts
    const letter = deadLetter(topicName(prefix, 'dead-letter'), held.at, record, { error, attempts, group })
    const marked = { ...letter, headers: { ...letter.headers, [ONLY_FOR]: receiver.name } }
    const again = patience({
      signal: held.gone.signal,
      onWait: ({ message }) => log.warn({ reason: message }, 'the dead letters cannot be written'),
    })
    try {
      await persist(() => producer.send([marked]), again)
    } catch {
      // The partition is gone, and with it the event: whoever has it now tries again.
      return false
    }
    onOutcome('dead-letter')
    log.error({ receiver: receiver.name, code: error.code, reason: error.message }, 'to the dead letters')
    return true
  }

  async #commit(): Promise<void> {
    const due = [...this.#held.values()].flatMap((held) => {
      const offset = held.ledger.due()
      return offset === undefined ? [] : [{ held, offset }]
    })
    if (due.length === 0) return
    try {
      await this.#consumer?.commit(due.map(({ held, offset }) => ({ ...held.at, offset })))
      for (const { held, offset } of due) held.ledger.committed(offset)
    } catch (error) {
      // It is committed with the next; at worst an event is sent twice, with the same key.
      this.#parts.log.debug({ reason: asStanflowError(error).message }, 'offsets were not committed')
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, COMMIT_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
    this.#wake()
  }
}
