import type { Admin, KafkaClient } from '../src/connect/kafka/client.js'
import type { TopicName } from '../src/connect/kafka/topics.js'
import { type Again, patience, persist } from '../src/persist.js'
import type { Logger } from '../src/telemetry/log.js'
import { requireTopics } from './kafka.js'

/** A broker that has just come up knows of no topics for a moment. */
const MISSING_TRIES = 6

/** Waits for a broker that is away, however long, as whatever goes on and on should. */
export function awaitBroker({ log, signal }: { readonly log: Logger; readonly signal: AbortSignal }): Again {
  const wait = patience({
    ...{ passing: ['KAFKA_UNREACHABLE', 'KAFKA_TOPIC_MISSING'], signal },
    onWait: ({ code, message: reason, hint }) => log.warn({ code, reason, hint }, 'waiting for the broker'),
  })
  let [wasAway, missing] = [false, 0]
  return async (error, tries) => {
    wasAway ||= error.code === 'KAFKA_UNREACHABLE'
    if (error.code === 'KAFKA_TOPIC_MISSING' && (!wasAway || missing++ >= MISSING_TRIES)) return false
    return wait(error, tries)
  }
}

/**
 * The cluster's administrator, and the full names of topics that have to be there.
 * @throws StanflowError KAFKA_TOPIC_MISSING, KAFKA_AUTH and whatever else waiting does not mend
 */
export async function reachCluster(
  client: KafkaClient,
  { prefix, topics }: { readonly prefix: string; readonly topics: readonly TopicName[] },
  again: Again,
): Promise<{ readonly admin: Admin; readonly topics: readonly string[] }> {
  const admin = await persist(() => client.admin(), again)
  return { admin, topics: await persist(() => requireTopics(admin, prefix, topics), again) }
}
