import type { Checkpoint, OutgoingRecord, Producer, Transaction, TransactionalProducer } from '../client.js'
import { within } from '../errors.js'
import { Heard } from './heard.js'
import {
  type Conf,
  called,
  type Library,
  type LibraryConsumer,
  type LibraryError,
  type LibraryProducer,
} from './library.js'

/** Longer than any step takes with a broker that is there. */
const STEP_MS = 15_000
const CONNECT_MS = 10_000
const CLOSE_MS = 1000
/** Below what brokers take by default, for small records that go together. */
const BATCH_BYTES = 500_000
/** A topic's own limit counts, which the broker knows. */
const MESSAGE_BYTES = 100_000_000
/** A broker that has just come up knows of no topics for a moment. */
const PROPAGATION_MS = 3000

/** Sends, and waits for the broker's word on each record. */
class Sender {
  readonly #producer: LibraryProducer
  readonly #heard = new Heard()

  constructor(library: Library, conf: Conf) {
    this.#producer = new library.Producer(
      {
        ...conf,
        ...{ dr_cb: true, 'linger.ms': 1, 'batch.size': BATCH_BYTES, 'message.max.bytes': MESSAGE_BYTES },
        'topic.metadata.propagation.max.ms': PROPAGATION_MS,
        'message.timeout.ms': STEP_MS,
      },
      // As Java's clients do.
      { partitioner: 'murmur2_random' },
    )
    this.#heard.listen(this.#producer)
    this.#producer.on('delivery-report', ((error: LibraryError | null, report: Report) => {
      report.opaque.settle(error)
    }) as never)
  }

  get producer(): LibraryProducer {
    return this.#producer
  }

  async connect(): Promise<void> {
    const connected = called((done) => this.#producer.connect({ timeout: CONNECT_MS }, done))
    await this.#heard.unless('Cannot connect', connected)
    this.#producer.setPollInBackground(true)
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    await this.step(`Cannot send to ${topicsOf(records)}`, () =>
      Promise.all(records.map((record) => this.#delivered(record))),
    )
  }

  async step<T>(what: string, step: () => Promise<T>): Promise<T> {
    try {
      return await within(STEP_MS, what, step())
    } catch (error) {
      throw this.#heard.why(what, error)
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#producer.disconnect(CLOSE_MS, resolve))
    // One that never was connected says so.
    await within(STEP_MS, 'Cannot disconnect', closed).catch(() => undefined)
  }

  #delivered({ topic, partition = -1, key, value, headers }: OutgoingRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: LibraryError | null): void => (error ? reject(error) : resolve())
      const bytes = typeof key === 'string' ? Buffer.from(key) : key
      const pairs = Object.entries(headers).map(([name, text]) => ({ [name]: text }))
      this.#producer.produce(topic, partition, value, bytes, null, { settle }, pairs)
    })
  }
}

interface Report {
  readonly opaque: { readonly settle: (error: LibraryError | null) => void }
}

export class ConfluentProducer implements Producer {
  readonly #sender: Sender

  constructor(library: Library, conf: Conf) {
    this.#sender = new Sender(library, { ...conf, 'enable.idempotence': true })
  }

  connect(): Promise<void> {
    return this.#sender.connect()
  }

  send(records: readonly OutgoingRecord[]): Promise<void> {
    return this.#sender.send(records)
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

export class ConfluentTransactional implements TransactionalProducer {
  readonly #sender: Sender
  readonly #id: string
  readonly #groupOf: (group: string) => Promise<LibraryConsumer>

  /** @param groupOf a consumer that stands for a group without being a member */
  constructor(
    library: Library,
    conf: Conf,
    id: string,
    timeout: number,
    groupOf: (group: string) => Promise<LibraryConsumer>,
  ) {
    const own = { 'transactional.id': id, 'transaction.timeout.ms': Math.max(timeout, STEP_MS) }
    this.#sender = new Sender(library, { ...conf, ...own })
    this.#id = id
    this.#groupOf = groupOf
  }

  async connect(): Promise<void> {
    const { producer } = this.#sender
    try {
      await this.#sender.connect()
      await this.#sender.step(`Cannot take hold of ${this.#id}`, () =>
        called((done) => producer.initTransactions(STEP_MS, done)),
      )
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async begin(): Promise<Transaction> {
    const sender = this.#sender
    const { producer } = sender
    await sender.step('Cannot begin a transaction', () => called((done) => producer.beginTransaction(done)))
    return {
      send: (records) => sender.send(records),
      checkpoint: async (group, checkpoints) => {
        const what = `Cannot commit offsets of ${group}`
        const consumer = await this.#groupOf(group)
        const offsets = checkpoints.map(libraryOffset)
        await sender.step(what, () =>
          called((done) => producer.sendOffsetsToTransaction(offsets, consumer, STEP_MS, done)),
        )
      },
      commit: async () => {
        await sender.step('Cannot commit the transaction', () =>
          called((done) => producer.commitTransaction(STEP_MS, done)),
        )
      },
      abort: async () => {
        await sender.step('Cannot abort the transaction', () =>
          called((done) => producer.abortTransaction(STEP_MS, done)),
        )
      },
    }
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

export function libraryOffset({ topic, partition, offset, metadata }: Checkpoint) {
  return { topic, partition, offset: Number(offset), ...(metadata !== undefined && { metadata }) }
}

const topicsOf = (records: readonly OutgoingRecord[]): string =>
  [...new Set(records.map(({ topic }) => topic))].join(', ')
