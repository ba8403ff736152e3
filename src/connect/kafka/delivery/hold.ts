import { StanflowError } from '../../../errors.js'
import {
  type Admin,
  type KafkaClient,
  type OutgoingRecord,
  partitionKey,
  type TopicPartition,
  type TransactionalProducer,
} from '../client.js'
import { FRESH, letGo, type Note, noteText, parseNote, takenOver } from './note.js'

export interface HoldOptions {
  readonly at: TopicPartition
  readonly client: KafkaClient
  readonly admin: Admin
  readonly group: string
  /** Names this process among the members of the group. */
  readonly me: string
  /** What results are made by: clips committed under another recipe do not count. */
  readonly recipe: string
  /** Deaths after which a record is not worked on any more. */
  readonly attempts: number
  /** Milliseconds. */
  readonly transactionTimeout: number
}

/** Where a partition stands. */
export interface Standing {
  /** Of the next record. */
  readonly offset: bigint
  readonly note: Note
}

/**
 * A partition, held by the transactional producer whose id is made of group, topic and partition. Taking hold of the id
 * fences whoever had the partition before, and only then is it read where the group stands: so between that reading and
 * any commit through this hold nobody else can have committed.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #producer: TransactionalProducer

  private constructor(options: HoldOptions, producer: TransactionalProducer) {
    this.#options = options
    this.#producer = producer
  }

  static async take(options: HoldOptions): Promise<Hold> {
    const { at, client, group, transactionTimeout } = options
    const id = `${group}-${at.topic}-${at.partition}`
    return new Hold(options, await client.transactional(id, transactionTimeout))
  }

  /**
   * Says, where this process's note stands at a partition, that it let go in order: for one whose own hold is of no use
   * any more. @throws StanflowError KAFKA_*
   */
  static async letGo(options: HoldOptions): Promise<void> {
    const hold = await Hold.take(options)
    try {
      const { found, offset } = await hold.#found()
      if (found.by === options.me) await hold.commit([], { offset, note: letGo(found) })
    } finally {
      await hold.close()
    }
  }

  /** Where the group stands, with this process's own note, not committed yet; and the next offset there will be. */
  async standing(): Promise<Standing & { readonly high: bigint }> {
    const { admin, group, me, recipe, attempts } = this.#options
    const { found, offset, high } = await this.#found()
    const members = found.by === undefined || found.by === me ? [] : await admin.members(group)
    const note = takenOver(found, { me, recipe, attempts, isAlive: (by) => members.includes(by) })
    return { offset, note, high }
  }

  async #found(): Promise<{ readonly found: Note; readonly offset: bigint; readonly high: bigint }> {
    const { at, admin, group } = this.#options
    const { topic, partition } = at
    const committed = (await admin.checkpoints(group, topic)).find((one) => one.partition === partition)
    const range = (await admin.ranges(topic)).find((one) => one.partition === partition)
    if (range === undefined) throw new StanflowError('KAFKA_TOPIC_MISSING', `${partitionKey(at)} is gone.`)
    const isThere = committed !== undefined && committed.offset >= range.low
    const found = isThere ? parseNote(committed.metadata) : FRESH
    return { found, offset: isThere ? committed.offset : range.low, high: range.high }
  }

  /** Records and standing, in one transaction. @throws StanflowError KAFKA_*; the hold is of no use then */
  async commit(records: readonly OutgoingRecord[], { offset, note }: Standing): Promise<void> {
    const { at, group } = this.#options
    const transaction = await this.#producer.begin()
    if (records.length > 0) await transaction.send(records)
    await transaction.checkpoint(group, [{ ...at, offset, metadata: noteText(note) }])
    await transaction.commit()
  }

  close(): Promise<void> {
    return this.#producer.close()
  }
}
