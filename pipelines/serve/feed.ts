import type { Admin, KafkaClient } from '../../src/connect/kafka/client.js'
import { deadLetterFacts } from '../../src/connect/kafka/dead-letter.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { type ReadRecord, readTopics } from '../../src/connect/kafka/read-topic.js'
import type { TopicName } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { asStanflowError, type StanflowError } from '../../src/errors.js'
import { patience, persist } from '../../src/persist.js'
import type { Live } from '../../src/server/live.js'
import type { Letter } from '../../src/server/schemas.js'
import type { Logger } from '../../src/telemetry/log.js'
import { type KafkaOptions, requireTopics } from '../kafka.js'
import type { Rates } from './rates.js'

/** What a page is shown of the time before the server started, per partition. */
const LAST = { labels: 300, events: 2000, 'dead-letter': 300 } as const
const MOST_LETTERS = 2000

type Followed = keyof typeof LAST

/** A dead letter and where it stands in its topic. */
export type TopicLetter = Omit<Letter, 'state'> & { readonly partition: number; readonly offset: bigint }

export interface FeedParts {
  readonly options: KafkaOptions
  readonly live: Live
  readonly rates: Rates
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onLetter: () => void
}

/** Follows the topics that a page shows; a broker that is away, or topics that are not there yet, are waited for. */
export class Feed {
  readonly #parts: FeedParts
  readonly #wire: Wire
  readonly #letters = new Map<string, TopicLetter>()
  readonly #errors = new Map<Followed, StanflowError>()
  readonly #following: Promise<void>[] = []
  #client: Promise<KafkaClient> | undefined
  #admin: Promise<Admin> | undefined

  constructor(parts: FeedParts) {
    const { prefix, registry } = parts.options
    this.#parts = parts
    this.#wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
  }

  start(): void {
    for (const topic of Object.keys(LAST) as Followed[]) this.#following.push(this.#follow(topic))
  }

  /** Undefined while all topics are read. */
  get error(): StanflowError | undefined {
    return [...this.#errors.values()][0]
  }

  /** The newest last. */
  get letters(): readonly TopicLetter[] {
    return [...this.#letters.values()]
  }

  /** A connection of its own, for questions. */
  admin(): Promise<Admin> {
    if (this.#admin !== undefined) return this.#admin
    const admin = this.#open().then((client) => client.admin())
    this.#admin = admin
    admin.catch(() => {
      this.#admin = undefined
    })
    return admin
  }

  async close(): Promise<void> {
    await Promise.all(this.#following)
    await (await this.#client)?.close()
  }

  #open(): Promise<KafkaClient> {
    this.#client ??= openKafka(this.#parts.options.kafka)
    return this.#client
  }

  /** Until aborted. Once something has come, whatever goes wrong next is waited for anew. */
  async #follow(name: Followed): Promise<void> {
    const { log, signal } = this.#parts
    const again = patience({
      signal,
      onWait: ({ code, message: reason }, wait) =>
        log.warn({ topic: name, code, reason, waitMs: Math.round(wait) }, 'not followed; trying again'),
    })
    while (!signal.aborted) await persist(() => this.#read(name), again).catch(() => undefined)
  }

  /** @throws StanflowError where nothing came at all */
  async #read(name: Followed): Promise<void> {
    const { options, signal } = this.#parts
    let any = false
    try {
      const client = await this.#open()
      const admin = await this.admin()
      const topics = await requireTopics(admin, options.prefix, [name as TopicName])
      this.#errors.delete(name)
      const from = { last: LAST[name] }
      for await (const record of readTopics({ client, admin, topics, from, toEnd: false, signal })) {
        any = true
        await this.#take(name, record)
      }
    } catch (error) {
      if (signal.aborted) return
      this.#errors.set(name, asStanflowError(error))
      if (!any) throw error
    }
  }

  async #take(name: Followed, record: ReadRecord): Promise<void> {
    const { live, rates, log, onLetter } = this.#parts
    try {
      if (name === 'labels') {
        const value = await this.#wire.decode('label', record.value)
        live.labels(value, record.timestamp / 1000)
        rates.add(record.timestamp)
      } else if (name === 'events') live.events(await this.#wire.decode('event', record.value))
      else {
        this.#letter(record)
        onLetter()
      }
    } catch (error) {
      // What others wrote wrongly must not blind the page to the rest.
      const { code, message } = asStanflowError(error)
      log.warn({ topic: name, offset: String(record.offset), code, reason: message }, 'a record was left out')
    }
  }

  #letter({ partition, offset, key, headers }: ReadRecord): void {
    const facts = deadLetterFacts(headers)
    if (facts === undefined) return
    const { topic, code, message, hint, attempts, failedAt } = facts
    const id = `${partition}-${offset}`
    const source = key === null ? '' : key.toString()
    this.#letters.set(id, {
      id,
      partition,
      offset,
      source,
      from: topic,
      code,
      message,
      hint,
      attempts,
      failedAt,
    })
    const [oldest] = this.#letters.keys()
    if (this.#letters.size > MOST_LETTERS && oldest !== undefined) this.#letters.delete(oldest)
  }
}
