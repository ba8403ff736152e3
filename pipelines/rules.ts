import { Intake, type IntakeOptions } from '../src/connect/kafka/delivery/intake.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { StanflowError } from '../src/errors.js'
import { silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { awaitBroker, reachCluster } from './cluster.js'
import { processName } from './kafka.js'
import { RulesJob } from './rules/job.js'
import type { RulesHooks, RulesOptions, RulesSummary } from './rules/options.js'

export type { RulesHooks, RulesOptions, RulesSummary }

const TOPICS = ['labels', 'rule-state', 'events', 'dead-letter'] as const
const TRANSACTION_TIMEOUT_MS = 60_000

/**
 * Labels from their topic → what the rules make of them in theirs, each event exactly once. A broker that is away is
 * waited for.
 */
export async function rules(options: RulesOptions, hooks: RulesHooks = {}): Promise<RulesSummary> {
  const { log = silentLog(), metrics = new Metrics({ process: false }) } = hooks
  const { signal = new AbortController().signal } = hooks
  const { prefix, group } = options
  const client = hooks.client ?? (await openKafka(options.kafka))
  try {
    let waiting: () => string | undefined = () => 'the broker is waited for'
    hooks.onWaiting?.(() => waiting())
    const awaiting = awaitBroker({ log, signal })
    const { admin, topics } = await reachCluster(client, { prefix, topics: TOPICS }, awaiting)
    const [labels = '', state = ''] = topics
    const partitions = async (topic: string) => (await awaiting(() => admin.ranges(topic))).length
    if ((await partitions(state)) < (await partitions(labels))) {
      throw new StanflowError(
        'KAFKA_TOPIC_MISSING',
        `The topic ${state} has fewer partitions than ${labels}.`,
        {
          hint: 'Give it as many: what is kept of a partition lies in the one of the same number.',
        },
      )
    }
    waiting = () => 'the group is being joined'
    let job: RulesJob | undefined
    const intaking: IntakeOptions = {
      ...{ client, admin, group, topics: [labels], me: processName(), attempts: options.attempts },
      recipe: 'rules',
      sessionTimeout: options.sessionTimeout * 1000,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      events: {
        committed: ({ records, milliseconds }) => metrics.committed(records, milliseconds),
        lost: ({ topic, partition }, { code, message }) => {
          job?.forget((one) => one !== partition)
          metrics.lost(code)
          log.warn({ topic, partition, code, reason: message }, 'a partition is taken up anew')
        },
        assigned: (held) => {
          job?.forget((one) => held.some(({ partition }) => partition === one))
          log.info({ partitions: held.length }, 'partitions assigned')
        },
      },
    }
    const intake = await awaiting(() => Intake.open(intaking))
    job = new RulesJob({ options, client, admin, intake, log, metrics, signal })
    metrics.watch({ lanes: () => intake.lanes, clipsInFlight: () => 0 })
    waiting = () => (intake.lanes.every(({ open }) => open) ? undefined : 'partitions are being taken over')
    hooks.onReady?.()
    try {
      await job.run()
    } finally {
      await intake.close()
    }
    return { group, ...job.counts }
  } finally {
    await client.close()
  }
}
