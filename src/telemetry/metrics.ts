import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** A partition as a gauge sees it. */
export interface LaneFacts {
  readonly topic: string
  readonly partition: number
  readonly lag: number
  readonly queued: number
  readonly inWork: number
  /** Seconds since the oldest record was written that was taken in and is not done with; 0 where there is none. */
  readonly behind: number
  /** What a record of it waits for, if one does. */
  readonly waitsFor?: string
}

/** What is told of a partition of which only that is known. */
export type BehindFacts = Pick<LaneFacts, 'topic' | 'partition' | 'behind'>

interface Reading {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const BEHIND = 'Age of the oldest record that was taken in and is not done with'

/** What a running job tells Prometheus. One a process. */
export class Metrics {
  readonly registry = new Registry()
  readonly #clips = this.#counter('stanflow_clips_total', 'Clips embedded by consumers', ['kind'])
  readonly #videos = this.#counter('stanflow_videos_total', 'Videos that a backfill is done with', [
    'outcome',
  ])
  readonly #frames = this.#counter('stanflow_frames_total', 'Frames that went into the model')
  readonly #fill = this.#histogram(
    'stanflow_batch_clips',
    'Clips in one run of the model',
    [1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256],
  )
  readonly #stage = this.#histogram(
    'stanflow_stage_seconds',
    'Time in a stage: open, decode, model, transaction, put',
    SECONDS,
    ['stage'],
  )
  readonly #latency = this.#histogram(
    'stanflow_result_latency_seconds',
    'From a record in its topic to its first result committed',
    SECONDS,
    ['topic'],
  )
  readonly #transactions = this.#counter('stanflow_transactions_total', 'Transactions by how they ended', [
    'outcome',
  ])
  readonly #records = this.#counter('stanflow_records_total', 'Records committed to result topics')
  readonly #deadLetters = this.#counter('stanflow_dead_letters_total', 'Inputs given up, by error code', [
    'code',
  ])
  readonly #retries = this.#counter(
    'stanflow_retries_total',
    'Partitions taken up anew after an error, by its code',
    ['code'],
  )
  readonly #objects = this.#counter(
    'stanflow_objects_total',
    'Objects of the archive, by whether they were there',
    ['outcome'],
  )

  readonly #answers = this.#histogram(
    'stanflow_http_seconds',
    'From a request of the page to its answer',
    SECONDS,
    ['route', 'status'],
  )
  readonly #waits = this.#counter(
    'stanflow_waits_total',
    'Tries that failed and were waited after, by error code',
    ['code'],
  )
  readonly #batchSize = this.#gauge('stanflow_batch_size', 'Clips that one run of the model takes at most')
  readonly #webhooks = this.#counter('stanflow_webhooks_total', 'Tries to tell a receiver of an event', [
    'receiver',
    'outcome',
  ])

  /** @param command set on every series; absent: no label says what this process does */
  constructor({ process = true, command }: { readonly process?: boolean; readonly command?: string } = {}) {
    if (command !== undefined) this.registry.setDefaultLabels({ command })
    if (process) {
      collectDefaultMetrics({ register: this.registry })
      this.#gauge(
        'stanflow_memory_limit_bytes',
        'What the process may take: of its container, or the machine',
      ).set(memoryLimit())
    }
  }

  answered(route: string, status: number, seconds: number): void {
    this.#answers.observe({ route, status: String(status) }, seconds)
  }

  wait(code: string): void {
    this.#waits.inc({ code })
  }

  batchSize(clips: number): void {
    this.#batchSize.set(clips)
  }

  /** Asked whenever Prometheus asks. */
  readiness(isReady: () => boolean): void {
    this.#asked('stanflow_ready', '1 while /readyz says so', [], () => [
      { labels: {}, value: Number(isReady()) },
    ])
  }

  /** How full the disks are that these folders lie on; what is no folder yet is left out. */
  disks(folders: readonly string[]): void {
    const gauge = (
      name: string,
      help: string,
      of: (disk: { bavail: number; blocks: number; bsize: number }) => number,
    ) =>
      this.#asked(name, help, ['folder'], async () => {
        const rows = await Promise.all(
          folders.map(async (folder) => {
            const disk = await statfs(folder).catch(() => undefined)
            return disk === undefined ? [] : [{ labels: { folder }, value: of(disk) }]
          }),
        )
        return rows.flat()
      })
    gauge(
      'stanflow_disk_free_bytes',
      'Free on the disk of a folder that is written to',
      (disk) => disk.bavail * disk.bsize,
    )
    gauge('stanflow_disk_size_bytes', 'Size of that disk', (disk) => disk.blocks * disk.bsize)
  }

  /** How far behind the partitions are of which no more is known. */
  behind(facts: () => readonly BehindFacts[]): void {
    this.#ofPartitions('stanflow_behind_seconds', BEHIND, facts, ({ behind }) => behind)
  }

  batch(clips: number, frames: number, milliseconds: number): void {
    this.#fill.observe(clips)
    this.#frames.inc(clips * frames)
    this.stage('model', milliseconds)
  }

  webhook(receiver: string, outcome: 'taken' | 'failed' | 'dead-letter'): void {
    this.#webhooks.inc({ receiver, outcome })
  }

  /** `skipped`: done by an earlier run. */
  video(outcome: 'done' | 'skipped' | 'failed'): void {
    this.#videos.inc({ outcome })
  }

  /** How many videos a backfill has found so far. */
  found(videos: () => number): void {
    this.#asked('stanflow_videos_found', 'Videos that a backfill has found so far', [], () => [
      { labels: {}, value: videos() },
    ])
  }

  clip(kind: string): void {
    this.#clips.inc({ kind })
  }

  stage(stage: 'open' | 'decode' | 'model' | 'transaction' | 'put', milliseconds: number): void {
    this.#stage.observe({ stage }, milliseconds / 1000)
  }

  latency(topic: string, milliseconds: number): void {
    this.#latency.observe({ topic }, Math.max(0, milliseconds) / 1000)
  }

  committed(records: number, milliseconds: number): void {
    this.#transactions.inc({ outcome: 'committed' })
    this.#records.inc(records)
    this.stage('transaction', milliseconds)
  }

  lost(code: string): void {
    this.#transactions.inc({ outcome: 'lost' })
    this.#retries.inc({ code })
  }

  deadLetter(code: string): void {
    this.#deadLetters.inc({ code })
  }

  object(outcome: 'written' | 'there'): void {
    this.#objects.inc({ outcome })
  }

  /** Gauges that are asked when Prometheus asks. */
  watch(facts: { readonly lanes: () => readonly LaneFacts[]; readonly clipsInFlight: () => number }): void {
    const lanes = (name: string, help: string, of: (lane: LaneFacts) => number): void =>
      this.#ofPartitions(name, help, facts.lanes, of)
    this.behind(facts.lanes)
    lanes('stanflow_lag', 'Records of a held partition that are not committed yet', ({ lag }) => lag)
    lanes('stanflow_queued', 'Records fetched that wait for work', ({ queued }) => queued)
    lanes('stanflow_in_work', 'Records being worked on', ({ inWork }) => inWork)
    lanes(
      'stanflow_waiting',
      '1 where a record waits for a bucket or registry that is away',
      ({ waitsFor }) => (waitsFor === undefined ? 0 : 1),
    )
    this.#asked('stanflow_clips_in_flight', 'Clips whose pixels are held', [], () => [
      { labels: {}, value: facts.clipsInFlight() },
    ])
  }

  #ofPartitions<T extends Pick<LaneFacts, 'topic' | 'partition'>>(
    name: string,
    help: string,
    facts: () => readonly T[],
    of: (one: T) => number,
  ): void {
    this.#asked(name, help, ['topic', 'partition'], () =>
      facts().map((one) => ({
        labels: { topic: one.topic, partition: String(one.partition) },
        value: of(one),
      })),
    )
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] })
  }

  #asked(
    name: string,
    help: string,
    labelNames: readonly string[],
    ask: () => readonly Reading[] | Promise<readonly Reading[]>,
  ): void {
    new Gauge({
      ...{ name, help, labelNames, registers: [this.registry] },
      async collect() {
        const readings = await ask()
        this.reset()
        for (const { labels, value } of readings) this.set(labels, value)
      },
    })
  }

  #counter<const L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram<const L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] })
  }
}

/** Bytes. Where nothing limits the container its limit is 0 or beyond all there is. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem()
}
