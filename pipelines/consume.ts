import { samplingSlug } from '../src/connect/files/layout.js'
import { Intake } from '../src/connect/kafka/delivery/intake.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { openReader } from '../src/media/open-reader.js'
import { silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { ConsumeJob } from './consume/job.js'
import type { ConsumeHooks, ConsumeOptions, ConsumeSummary } from './consume/options.js'
import { processName, requireTopics } from './kafka.js'
import { embedLabels } from './label-set.js'
import { modelName, modelNotes, openModel } from './open-model.js'
import { Places } from './places.js'

export type { ConsumeHooks, ConsumeOptions, ConsumeSummary }

const TRANSACTION_TIMEOUT_MS = 60_000

/** Videos and clips from their topics → embeddings, labels and dead letters in theirs, each exactly once. */
export async function consume(options: ConsumeOptions, hooks: ConsumeHooks = {}): Promise<ConsumeSummary> {
  const { log = silentLog(), metrics = new Metrics({ process: false }) } = hooks
  const started = performance.now()
  const client = hooks.client ?? (await openKafka(options.kafka))
  const closing: (() => Promise<unknown>)[] = [() => client.close()]
  try {
    const admin = await client.admin()
    const inputs = await requireTopics(admin, options.prefix, ['videos', 'clips'])
    await requireTopics(admin, options.prefix, ['embeddings', 'labels', 'dead-letter'])
    const { model, why: engine } = await openModel(options)
    closing.push(() => model.close())
    const { reader, why } = await openReader(options.reader)
    closing.push(() => reader.close())
    const places = new Places(options.s3)
    closing.push(() => places.close())
    const labels = await embedLabels(model, options)
    const notes = modelNotes(model.info)
    const about = { model: modelName(model.info), modelDigest: model.info.digest, engine, reader: why }
    log.info({ ...about, group: options.group, notes }, 'ready to join')

    const intake = await Intake.open({
      ...{
        client,
        admin,
        group: options.group,
        topics: inputs,
        me: processName(),
        attempts: options.attempts,
      },
      recipe: `${model.info.digest} ${samplingSlug(options.sampling)}`,
      sessionTimeout: options.sessionTimeout * 1000,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      events: {
        committed: ({ records, milliseconds }) => metrics.committed(records, milliseconds),
        lost: ({ topic, partition }, { code, message }) => {
          metrics.lost(code)
          log.warn({ topic, partition, code, reason: message }, 'a partition is taken up anew')
        },
        assigned: (partitions) => log.info({ partitions: partitions.length }, 'partitions assigned'),
      },
    })
    const job = new ConsumeJob({ options, hooks, log, metrics, model, reader, places, labels, intake })
    hooks.onWaiting?.(() =>
      intake.lanes.every(({ open }) => open) ? undefined : 'partitions are being taken over',
    )
    hooks.onReady?.()
    try {
      await job.run()
    } finally {
      await intake.close()
    }
    const { group } = options
    return { ...about, group, notes, ...job.counts, seconds: (performance.now() - started) / 1000 }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}
