import { setTimeout as sleep } from 'node:timers/promises'
import { deadLetterFacts, inputAgain } from '../src/connect/kafka/dead-letter.js'
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

export interface RetryHooks {
  readonly signal?: AbortSignal
  readonly onRetried?: (letter: Retried) => void
}

/** No dead letter has come for so long: that were all. */
const QUIET_MS = 1500
const STEP_MS = 100
const DEATHS = 1000

/** Dead letters → their topics again, each exactly once; answers with how many. */
export async function retry(options: RetryOptions, hooks: RetryHooks = {}): Promise<number> {
  const { kafka, prefix, group, dryRun, sessionTimeout, max = Number.POSITIVE_INFINITY } = options
  const client = await openKafka(kafka)
  let count = 0
  try {
    const admin = await client.admin()
    const topics = await requireTopics(admin, prefix, ['dead-letter'])
    if (dryRun) {
      for await (const { key, headers } of readTopics({
        client,
        admin,
        topics,
        from: { group },
        toEnd: true,
      })) {
        if (tell(key, headers)) count++
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
        const again = inputAgain(work.record)
        work.end(again === undefined ? [] : [again])
        if (tell(work.record.key, work.record.headers)) count++
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

  function tell(key: Buffer | null, headers: Readonly<Record<string, string>>): boolean {
    const facts = deadLetterFacts(headers)
    if (facts === undefined) return false
    const { topic, code, message, attempts } = facts
    hooks.onRetried?.({ key: key === null ? null : key.toString(), topic, code, message, attempts })
    return true
  }
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
