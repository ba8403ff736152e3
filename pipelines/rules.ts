import { Intake } from '../src/connect/kafka/delivery/intake.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { StanflowError } from '../src/errors.js'
import { silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { processName, requireTopics } from './kafka.js'
import { RulesJob } from './rules/job.js'
import type { RulesHooks, RulesOptions, RulesSummary } from './rules/options.js'

export type { RulesHooks, RulesOptions, RulesSummary }

const TRANSACTION_TIMEOUT_MS = 60_000

/** Labels from their topic → what the rules make of them in theirs, each event exactly once. */
export async function rules(options: RulesOptions, hooks: RulesHooks = {}): Promise<RulesSummary> {
  const { log = silentLog(), metrics = new Metrics({ process: false }) } = hooks
  const { prefix, group } = options
  const client = hooks.client ?? (await openKafka(options.kafka))
  try {
    const admin = await client.admin()
    const topics = await requireTopics(admin, prefix, ['labels'])
    const [state] = await requireTopics(admin, prefix, ['rule-state', 'events', 'dead-letter'])
    const [labelled, kept] = [topics[0], state].map(
      async (topic) => (await admin.ranges(topic as string)).length,
    )
    if (((await kept) ?? 0) < ((await labelled) ?? 0)) {
      throw new StanflowError(
        'KAFKA_TOPIC_MISSING',
        `The topic ${state} has fewer partitions than ${topics[0]}.`,
        {
          hint: 'Give it as many: what is kept of a partition lies in the one of the same number.',
        },
      )
    }
    let job: RulesJob | undefined
    const intake = await Intake.open({
      ...{ client, admin, group, topics, me: processName(), attempts: options.attempts, recipe: 'rules' },
      sessionTimeout: options.sessionTimeout * 1000,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      events: {
        committed: ({ records, milliseconds }) => metrics.committed(records, milliseconds),
        lost: ({ topic, partition }, { code, message }) => {
          job?.forget((one) => one !== partition)
          metrics.lost(code)
          log.warn({ topic, partition, code, reason: message }, 'a partition is taken up anew')
        },
        assigned: (partitions) => {
          job?.forget((one) => partitions.some(({ partition }) => partition === one))
          log.info({ partitions: partitions.length }, 'partitions assigned')
        },
      },
    })
    job = new RulesJob({ options, client, admin, intake, log, metrics })
    metrics.watch({ lanes: () => intake.lanes, clipsInFlight: () => 0 })
    hooks.onWaiting?.(() =>
      intake.lanes.every(({ open }) => open) ? undefined : 'partitions are being taken over',
    )
    hooks.onReady?.()
    try {
      await job.run(hooks.signal ?? new AbortController().signal)
    } finally {
      await intake.close()
    }
    return { group, ...job.counts }
  } finally {
    await client.close()
  }
}
