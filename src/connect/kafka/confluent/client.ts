import type {
  Admin,
  Consumer,
  ConsumerOptions,
  KafkaClient,
  Producer,
  TransactionalProducer,
} from '../client.js'
import { within } from '../errors.js'
import { KafkaJsClient } from '../kafkajs/client.js'
import type { KafkaSettings } from '../settings.js'
import { ConfluentAdmin } from './admin.js'
import { confOf } from './conf.js'
import { ConfluentConsumer } from './consumer.js'
import { confluentError } from './errors.js'
import { called, type Library, type LibraryConsumer, loadLibrary } from './library.js'
import { ConfluentProducer, ConfluentTransactional } from './producer.js'

const CLOSE_MS = 5000
const CONNECT_MS = 10_000

/** @confluentinc/kafka-javascript: librdkafka. */
export class ConfluentClient implements KafkaClient {
  readonly name = 'confluent'
  readonly #library: Library
  readonly #settings: KafkaSettings
  readonly #opened = new Set<{ close(): Promise<void> }>()
  readonly #groups = new Map<string, Promise<LibraryConsumer>>()

  private constructor(library: Library, settings: KafkaSettings) {
    this.#library = library
    this.#settings = settings
  }

  /** @throws StanflowError CLIENT_MISSING */
  static async open(settings: KafkaSettings): Promise<ConfluentClient> {
    return new ConfluentClient(await loadLibrary(), settings)
  }

  async admin(): Promise<Admin> {
    const admin = new ConfluentAdmin(this.#library, confOf(this.#settings), (ask) => this.#aside(ask))
    return this.#keep(await this.#connected(admin))
  }

  async producer(): Promise<Producer> {
    return this.#keep(await this.#connected(new ConfluentProducer(this.#library, this.#producing())))
  }

  async transactional(id: string, timeout: number): Promise<TransactionalProducer> {
    const groupOf = (group: string): Promise<LibraryConsumer> => this.#groupOf(group)
    return this.#connected(new ConfluentTransactional(this.#library, this.#producing(), id, timeout, groupOf))
  }

  async consumer(options: ConsumerOptions): Promise<Consumer> {
    const conf = confOf(this.#settings, options.clientId)
    return this.#connected(new ConfluentConsumer(this.#library, conf, options))
  }

  async close(): Promise<void> {
    const closing = [...this.#opened].map((one) => within(CLOSE_MS, 'Cannot disconnect', one.close()))
    const groups = [...this.#groups.values()].map(async (group) => {
      const consumer = await group
      const closed = new Promise<void>((resolve) => consumer.disconnect(resolve))
      await within(CLOSE_MS, 'Cannot disconnect', closed)
    })
    this.#opened.clear()
    this.#groups.clear()
    await Promise.allSettled([...closing, ...groups])
  }

  /** The library reads neither configurations nor the cluster's name; kafkajs, which is always there, does. */
  async #aside<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const client = new KafkaJsClient(this.#settings)
    try {
      return await ask(await client.admin())
    } finally {
      await client.close()
    }
  }

  /** The library wants a consumer for a group's offsets; this one joins nothing. */
  #groupOf(group: string): Promise<LibraryConsumer> {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const consumer = new this.#library.KafkaConsumer({ ...confOf(this.#settings), 'group.id': group }, {})
    consumer.on('event.error', () => undefined)
    consumer.on('error', () => undefined)
    const opened = called((done) => consumer.connect({ timeout: CONNECT_MS }, done)).then(
      () => consumer,
      (error: unknown) => {
        this.#groups.delete(group)
        throw confluentError(`Group ${group} cannot be reached`, error)
      },
    )
    this.#groups.set(group, opened)
    return opened
  }

  #producing() {
    return { ...confOf(this.#settings), 'compression.type': this.#settings.compression ?? 'zstd' }
  }

  #keep<T extends { close(): Promise<void> }>(one: T): T {
    this.#opened.add(one)
    return one
  }

  async #connected<T extends { connect(): Promise<void>; close?(): Promise<void> }>(one: T): Promise<T> {
    try {
      await one.connect()
      return one
    } catch (error) {
      // Its threads go on trying otherwise, and keep the process.
      await one.close?.().catch(() => undefined)
      throw confluentError(`Cannot connect to ${this.#settings.brokers.join(', ')}`, error)
    }
  }
}
