import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, ConsumedRecord, OutgoingRecord } from '../src/connect/kafka/client.js'
import {
  type DeadLetterFacts,
  deadLetterFacts,
  inputAgain,
  placeText,
  recordBytes,
} from '../src/connect/kafka/dead-letter.js'
import { Intake } from '../src/connect/kafka/delivery/intake.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { readTopics } from '../src/connect/kafka/read-topic.js'
import { type KafkaOptions, processName, requireTopics } from './kafka.js'

export interface RetryOptions extends KafkaOptions {
  /** Remembers which dead letters were sent again. */
  readonly group: string
  /** Seconds. */
  readonly sessionTimeout: number
  /** Only tell what would be sent again. */
  readonly dryRun: boolean
  readonly max?: number
}

/** A dead letter that was, or would be, sent again. */
export interface Retried {
  readonly key: string | null
  /** Where it came from and goes to. */
  readonly topic: string
  readonly code: string
  readonly message: string
  readonly attempts: number
}

/** A dead letter that cannot be sent again. */
export interface LeftOut extends Retried {
  readonly reason: string
}

export interface RetryHooks {
  readonly signal?: AbortSignal
  readonly onRetried?: (letter: Retried) => void
  readonly onLeftOut?: (letter: LeftOut) => void
}

/** No dead letter has come for so long: that were all. */
const QUIET_MS = 1500
const STEP_MS = 100
const DEATHS = 1000

/**
 * Dead letters → their topics again, each exactly once; answers with how many. One that its topic cannot take is told, and
 * passed over like those that were sent.
 */
export async function retry(options: RetryOptions, hooks: RetryHooks = {}): Promise<number> {
  const { kafka, prefix, group, dryRun, sessionTimeout, max = Number.POSITIVE_INFINITY } = options
  const client = await openKafka(kafka)
  let count = 0
  try {
    const admin = await client.admin()
    const inputs = new Inputs(admin, hooks)
    const topics = await requireTopics(admin, prefix, ['dead-letter'])
    if (dryRun) {
      for await (const letter of readTopics({ client, admin, topics, from: { group }, toEnd: true })) {
        if ((await inputs.of(letter)) !== undefined) count++
        if (count >= max) break
      }
      return count
    }
    const intake = await Intake.open({
      ...{ client, admin, group, topics, me: processName(), recipe: 'retry', attempts: DEATHS },
      ...{ sessionTimeout: sessionTimeout * 1000, transactionTimeout: 60_000 },
    })
    const stop = (): void => intake.drain()
    hooks.signal?.addEventListener('abort', stop)
    const quiet = endWhenQuiet(intake)
    try {
      for await (const work of intake.works()) {
        const again = await inputs.of(work.record)
        work.end(again === undefined ? [] : [again])
        if (again !== undefined) count++
        if (count >= max) break
      }
    } finally {
      hooks.signal?.removeEventListener('abort', stop)
      await intake.close()
      await quiet
    }
    return count
  } finally {
    await client.close()
  }
}

/** What is to be sent of dead letters. */
class Inputs {
  readonly #admin: Admin
  readonly #hooks: RetryHooks
  /** Bytes that a record may have, by topic. */
  readonly #limits = new Map<string, Promise<number>>()

  constructor(admin: Admin, hooks: RetryHooks) {
    this.#admin = admin
    this.#hooks = hooks
  }

  /** Tells of it; undefined where nothing is to be sent. */
  async of(record: ConsumedRecord): Promise<OutgoingRecord | undefined> {
    const facts = deadLetterFacts(record.headers)
    if (facts === undefined) return undefined
    const { topic, code, message, attempts } = facts
    const letter = { key: record.key?.toString() ?? null, topic, code, message, attempts }
    const again = inputAgain(record)
    const reason =
      again === undefined ? onlyBeginning(facts) : await this.#tooLarge(topic, recordBytes(again))
    if (reason !== undefined) {
      this.#hooks.onLeftOut?.({ ...letter, reason })
      return undefined
    }
    this.#hooks.onRetried?.(letter)
    return again
  }

  /** In words, where a topic cannot take so many. */
  async #tooLarge(topic: string, bytes: number): Promise<string | undefined> {
    const most = await this.#limit(topic)
    if (bytes <= most) return undefined
    return `it has ${bytes} bytes unpacked, and max.message.bytes of its topic is ${most}`
  }

  #limit(topic: string): Promise<number> {
    const known = this.#limits.get(topic) ?? this.#ask(topic)
    this.#limits.set(topic, known)
    return known
  }

  /** Who may not ask, or asks for a topic that is not there, hears of it when it is sent. */
  async #ask(topic: string): Promise<number> {
    const config = await this.#admin.topicConfig(topic).catch(() => undefined)
    return Number(config?.['max.message.bytes']) || Number.POSITIVE_INFINITY
  }
}

function onlyBeginning(facts: DeadLetterFacts): string {
  const place = placeText(facts, facts.offset)
  return `only the beginning of its ${facts.cutBytes} bytes was kept; the whole was at ${place}`
}

/** Drains once all partitions are held and nothing has come for a while. */
async function endWhenQuiet(intake: Intake): Promise<void> {
  for (let quiet = 0; quiet < QUIET_MS && !intake.draining; quiet += STEP_MS) {
    await sleep(STEP_MS)
    const { lanes } = intake
    const busy = lanes.length === 0 || lanes.some(({ open, queued, inWork }) => !open || queued + inWork > 0)
    if (busy) quiet = 0
  }
  intake.drain()
}
