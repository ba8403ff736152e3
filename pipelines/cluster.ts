import type { Admin, KafkaClient } from '../src/connect/kafka/client.js'
import type { TopicName } from '../src/connect/kafka/topics.js'
import { StanflowError } from '../src/errors.js'
import { patience, persist } from '../src/persist.js'
import type { Logger } from '../src/telemetry/log.js'
import { requireTopics } from './kafka.js'

/** A broker that has just come up knows of no topics for a moment. */
const MISSING_TRIES = 6

/** Does a step until the broker lets it. @throws StanflowError STOPPED where it was told to end meanwhile */
export type Awaiting = <T>(step: () => Promise<T>) => Promise<T>

/** Waits for a broker that is away, however long, as whatever goes on and on should. */
export function awaitBroker({
  log,
  signal,
}: {
  readonly log: Logger
  readonly signal: AbortSignal
}): Awaiting {
  const wait = patience({
    ...{ passing: ['KAFKA_UNREACHABLE', 'KAFKA_TOPIC_MISSING'], signal },
    onWait: ({ code, message: reason, hint }) => log.warn({ code, reason, hint }, 'waiting for the broker'),
  })
  let [wasAway, missing] = [false, 0]
  return (step) =>
    persist(step, async (error, tries) => {
      wasAway ||= error.code === 'KAFKA_UNREACHABLE'
      if (error.code === 'KAFKA_TOPIC_MISSING' && (!wasAway || missing++ >= MISSING_TRIES)) return false
      const again = await wait(error, tries)
      if (!again && signal.aborted) {
        const sentence = `It was told to end while it waited: ${error.message}`
        throw new StanflowError('STOPPED', sentence, { cause: error })
      }
      return again
    })
}

/**
 * The cluster's administrator, and the full names of topics that have to be there.
 * @throws StanflowError KAFKA_TOPIC_MISSING, KAFKA_AUTH and whatever else waiting does not mend; STOPPED
 */
export async function reachCluster(
  client: KafkaClient,
  { prefix, topics }: { readonly prefix: string; readonly topics: readonly TopicName[] },
  awaiting: Awaiting,
): Promise<{ readonly admin: Admin; readonly topics: readonly string[] }> {
  const admin = await awaiting(() => client.admin())
  return { admin, topics: await awaiting(() => requireTopics(admin, prefix, topics)) }
}
