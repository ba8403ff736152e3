import kafkajs from 'kafkajs'
import { StanflowError } from '../../../errors.js'
import type {
  Admin,
  Consumer,
  ConsumerOptions,
  KafkaClient,
  Producer,
  TransactionalProducer,
} from '../client.js'
import { kafkaError, within } from '../errors.js'
import type { Compression, KafkaSettings, SaslSettings } from '../settings.js'
import { KafkaJsAdmin } from './admin.js'
import { registerCodecs } from './codecs.js'
import { KafkaJsConsumer } from './consumer.js'
import { quickHeaders } from './headers.js'
import { KafkaJsProducer, KafkaJsTransactional } from './producer.js'

const { CompressionTypes, Kafka, logLevel } = kafkajs

const COMPRESSION: Readonly<Record<Compression, kafkajs.CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  lz4: CompressionTypes.LZ4,
  snappy: CompressionTypes.Snappy,
  zstd: CompressionTypes.ZSTD,
}

/** About seven seconds in all: a broker that restarts is waited for by whoever calls, not in here. */
const RETRY: kafkajs.RetryOptions = { initialRetryTime: 100, retries: 6, maxRetryTime: 3000 }

const CLOSE_MS = 5000

registerCodecs()
quickHeaders()

/** kafkajs, pure JavaScript. */
export class KafkaJsClient implements KafkaClient {
  readonly name = 'kafkajs'
  readonly #settings: KafkaSettings
  readonly #compression: kafkajs.CompressionTypes
  readonly #opened = new Set<{ close(): Promise<void> }>()

  constructor(settings: KafkaSettings) {
    this.#settings = settings
    this.#compression = COMPRESSION[settings.compression ?? 'zstd']
  }

  async admin(): Promise<Admin> {
    const admin = await this.#connected(new KafkaJsAdmin(this.#kafka()))
    if (this.#settings.sasl?.mechanism === 'oauthbearer') await this.#checkToken(admin)
    return this.#keep(admin)
  }

  /** A broker that does not take a token says so in a way kafkajs does not hear; then it hangs up. */
  async #checkToken(admin: KafkaJsAdmin): Promise<void> {
    try {
      await admin.describeTopics()
    } catch (cause) {
      await admin.close()
      const sentence = `${this.#settings.brokers.join(', ')} hung up after it was given the token.`
      throw new StanflowError('KAFKA_AUTH', sentence, {
        hint: 'Check the token and that it is still valid.',
        cause,
      })
    }
  }

  async producer(): Promise<Producer> {
    return this.#keep(await this.#connected(new KafkaJsProducer(this.#kafka(), this.#compression)))
  }

  async transactional(id: string, timeout: number): Promise<TransactionalProducer> {
    return this.#connected(new KafkaJsTransactional(this.#kafka(), this.#compression, id, timeout))
  }

  async consumer(options: ConsumerOptions): Promise<Consumer> {
    return this.#connected(new KafkaJsConsumer(this.#kafka(options.clientId), options))
  }

  async close(): Promise<void> {
    // A connection that broke may never answer; nothing depends on its end.
    const closing = [...this.#opened].map((one) => within(CLOSE_MS, 'Cannot disconnect', one.close()))
    await Promise.allSettled(closing)
  }

  #keep<T extends { close(): Promise<void> }>(one: T): T {
    this.#opened.add(one)
    return one
  }

  async #connected<T extends { connect(): Promise<void> }>(one: T): Promise<T> {
    try {
      await one.connect()
      return one
    } catch (error) {
      throw kafkaError(`Cannot connect to ${this.#settings.brokers.join(', ')}`, error)
    }
  }

  /** Connections of its own for each user, as kafkajs has it. */
  #kafka(clientId = this.#settings.clientId ?? 'stanflow'): kafkajs.Kafka {
    const { brokers, tls, sasl, log } = this.#settings
    return new Kafka({
      clientId,
      brokers: [...brokers],
      connectionTimeout: 5000,
      retry: RETRY,
      ...(tls !== undefined && { ssl: { ...tls, rejectUnauthorized: true } }),
      ...(sasl !== undefined && { sasl: saslOptions(sasl) }),
      logLevel: log === undefined ? logLevel.NOTHING : logLevel.WARN,
      logCreator:
        () =>
        ({ level, log: { message, timestamp, logger, ...facts } }) => {
          log?.(level === logLevel.ERROR ? 'warn' : 'debug', message, facts)
        },
    })
  }
}

function saslOptions(sasl: SaslSettings): kafkajs.SASLOptions {
  // A copy: kafkajs keeps its authenticator in the object it is given, password and all.
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl }
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) }
}
