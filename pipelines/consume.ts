import { samplingSlug } from '../src/connect/files/layout.js'
import { Intake, type IntakeOptions } from '../src/connect/kafka/delivery/intake.js'
import { openKafka } from '../src/connect/kafka/open.js'
import { openReader } from '../src/media/open-reader.js'
import { silentLog } from '../src/telemetry/log.js'
import { Metrics } from '../src/telemetry/metrics.js'
import { awaitBroker, reachCluster } from './cluster.js'
import { ConsumeJob } from './consume/job.js'
import type { ConsumeHooks, ConsumeOptions, ConsumeSummary } from './consume/options.js'
import { processName } from './kafka.js'
import { embedLabels } from './label-set.js'
import { modelName, modelNotes, openModel } from './open-model.js'
import { limitsGiven } from './open-video.js'
import { Places } from './places.js'

export type { ConsumeHooks, ConsumeOptions, ConsumeSummary }

/** The first two are what it takes in. */
const TOPICS = ['videos', 'clips', 'embeddings', 'labels', 'dead-letter'] as const
const TRANSACTION_TIMEOUT_MS = 60_000
const S3_ATTEMPTS = 3

/**
 * Videos and clips from their topics → embeddings, labels and dead letters in theirs, each exactly once. A broker that is
 * away is waited for.
 * @throws StanflowError STOPPED where it was told to end before there was a broker; whatever waiting does not mend
 */
export async function consume(options: ConsumeOptions, hooks: ConsumeHooks = {}): Promise<ConsumeSummary> {
  const { log = silentLog(), metrics = new Metrics({ process: false }) } = hooks
  const started = performance.now()
  const client = hooks.client ?? (await openKafka(options.kafka))
  const closing: (() => Promise<unknown>)[] = [() => client.close()]
  try {
    let waiting: () => string | undefined = () => 'the broker is waited for'
    hooks.onWaiting?.(() => waiting())
    const awaiting = awaitBroker({ log, signal: hooks.signal ?? new AbortController().signal })
    const reached = await reachCluster(client, { prefix: options.prefix, topics: TOPICS }, awaiting)
    const { admin, topics } = reached
    waiting = () => 'the model is being loaded'
    const { model, why: engine } = await openModel(options)
    closing.push(() => model.close())
    const { reader, why } = await openReader(options.reader, limitsGiven(options))
    closing.push(() => reader.close())
    // What is away is waited for in here, where others go on meanwhile.
    const places = new Places({ attempts: S3_ATTEMPTS, ...options.s3 })
    closing.push(() => places.close())
    const labels = await embedLabels(model, options)
    const notes = modelNotes(model.info)
    const about = { model: modelName(model.info), modelDigest: model.info.digest, engine, reader: why }
    log.info({ ...about, group: options.group, notes }, 'ready to join')

    waiting = () => 'the group is being joined'
    const intaking: IntakeOptions = {
      ...{ client, admin, group: options.group, topics: topics.slice(0, 2), me: processName() },
      attempts: options.attempts,
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
    }
    const intake = await awaiting(() => Intake.open(intaking))
    const job = new ConsumeJob({ options, hooks, log, metrics, model, reader, places, labels, intake })
    waiting = () =>
      intake.lanes.every(({ open }) => open) ? job.waitsFor : 'partitions are being taken over'
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
