import { BACKOFF, type Backoff } from '../src/alerts/backoff.js'
import type { Receiver } from '../src/alerts/receiver.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { Wire } from '../src/connect/kafka/wire.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { type Logger, silentLog } from '../src/telemetry/log.js'
import type { Metrics } from '../src/telemetry/metrics.js'
import { ReceiverJob } from './alerts/job.js'
import { awaitBroker, reachCluster } from './cluster.js'
import { groupName, type KafkaOptions } from './kafka.js'

export type { Receiver }

export interface AlertsOptions extends KafkaOptions {
  readonly receivers: readonly Receiver[]
  /** What the receivers' groups begin with; a receiver's is `GROUP.NAME`. Default `PREFIXalerts`. */
  readonly group?: string
  /** Where a receiver begins that never was here before. */
  readonly from: 'now' | 'beginning'
  /** Of one event at one receiver, before it goes to the dead letters. */
  readonly tries: number
  /** Seconds. */
  readonly sessionTimeout: number
  /** How long to wait between tries; for those who are in a hurry. */
  readonly backoff?: Partial<Backoff>
}

export interface AlertsHooks {
  readonly signal: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  /** Every receiver stands ready: what comes from now on reaches it. */
  readonly onReady?: () => void
  /** For probes: what is waited for, if anything. */
  readonly onWaiting?: (waiting: () => string | undefined) => void
}

export interface AlertsSummary {
  readonly taken: number
  readonly failed: number
  readonly deadLetters: number
}

/**
 * Events → webhooks, each at least once, in order per source and receiver, until aborted. A broker that is away is waited
 * for. @throws StanflowError
 */
export async function alerts(options: AlertsOptions, hooks: AlertsHooks): Promise<AlertsSummary> {
  const { kafka, prefix, registry, receivers, from, tries, sessionTimeout, backoff } = options
  const { signal, log = silentLog(), metrics, onReady, onWaiting } = hooks
  const twice = receivers.find(({ name }, i) => receivers.findIndex((one) => one.name === name) !== i)
  if (twice !== undefined) throw new StanflowError('CONFIG_INVALID', `Two webhooks are called ${twice.name}.`)
  const client = await openKafka(kafka)
  const counts = { taken: 0, failed: 0, deadLetters: 0 }
  const ended = new AbortController()
  const end = (): void => ended.abort()
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    let isReached = false
    onWaiting?.(() => (isReached ? undefined : 'the broker is waited for'))
    const awaiting = awaitBroker({ log, signal: ended.signal })
    const { admin, topics } = await reachCluster(
      client,
      { prefix, topics: ['events', 'dead-letter'] },
      awaiting,
    )
    const [topic = ''] = topics
    const producer = await awaiting(() => client.producer())
    isReached = true
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    let waiting = receivers.length
    const running = receivers.map((receiver) => {
      const job = new ReceiverJob({
        ...{
          receiver,
          prefix,
          topic,
          from,
          client,
          admin,
          producer,
          wire,
          log,
          awaiting,
          signal: ended.signal,
        },
        group: `${options.group ?? groupName(prefix, 'alerts')}.${receiver.name}`,
        backoff: { ...BACKOFF, tries, ...backoff },
        sessionTimeoutMs: sessionTimeout * 1000,
        onOutcome: (outcome) => {
          counts[outcome === 'dead-letter' ? 'deadLetters' : outcome]++
          metrics?.webhook(receiver.name, outcome)
        },
      })
      return job
        .run(() => {
          waiting--
          if (waiting === 0) onReady?.()
        })
        .catch((error: unknown) => {
          // What one cannot go on without, none can: the broker.
          end()
          throw error
        })
    })
    const results = await Promise.allSettled(running)
    await producer.close()
    const broken = results.flatMap((one) => (one.status === 'rejected' ? [asStanflowError(one.reason)] : []))
    // Others were told to end because of the one that could not go on.
    const [why] = [...broken.filter(({ code }) => code !== 'STOPPED'), ...broken]
    if (why !== undefined) throw why
    return counts
  } finally {
    signal.removeEventListener('abort', end)
    await client.close()
  }
}
