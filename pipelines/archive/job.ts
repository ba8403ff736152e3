import type { Blobs } from '../../src/connect/blobs.js'
import {
  type Admin,
  type Consumer,
  type ConsumerOptions,
  type KafkaClient,
  type Producer,
  partitionKey,
  type TopicPartition,
} from '../../src/connect/kafka/client.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { type Logger, silentLog } from '../../src/telemetry/log.js'
import { Metrics } from '../../src/telemetry/metrics.js'
import type { Awaiting } from '../cluster.js'
import { processName } from '../kafka.js'
import { Bystander } from './bystander.js'
import type { ArchiveHooks, ArchiveOptions, ArchiveSummary } from './options.js'
import { FETCH_SECONDS, Partition, type PartitionParts } from './partition.js'
import { Rows } from './rows.js'

/** Results held in memory at most, in all partitions; beyond it the largest file is cut early. */
const HELD_BYTES = 256 * 1024 * 1024
const FILE_BYTES = 64 * 1024 * 1024
const TICK_MS = 250

export interface ArchiveParts {
  readonly options: ArchiveOptions
  readonly hooks: ArchiveHooks
  readonly client: KafkaClient
  readonly admin: Admin
  readonly producer: Producer
  readonly topics: readonly string[]
  readonly place: Blobs
  /** Waits for a broker that is away before the group is joined. */
  readonly awaiting: Awaiting
}

/**
 * A file's name is its first record's offset, and it is written only where there is none of that name; the group's
 * offset is committed after it. So whoever comes upon a file that is there already knows that its records are done, and
 * reads in it how far it goes: files follow one another without gap or overlap, whoever dies when.
 */
export class ArchiveJob {
  readonly #parts: ArchiveParts
  readonly #log: Logger
  readonly #metrics: Metrics
  readonly #signal: AbortSignal
  readonly #rows: Rows
  readonly #shared: Omit<PartitionParts, 'at' | 'isTooMuch'>
  readonly #counts = { records: 0, files: 0, found: 0 }
  readonly #held = new Map<string, Partition>()
  /** Absent where the run does not end by itself, or holds partitions. */
  #bystander: Bystander | undefined
  #consumer: Consumer | undefined
  #failure: Error | undefined
  #wake = (): void => undefined
  #lastMs = Date.now()

  constructor(parts: ArchiveParts) {
    const { options, hooks, producer, admin, place } = parts
    const { rollRecords: records, rollTime, prefix, registry, group } = options
    const { log = silentLog(), metrics = new Metrics({ process: false }) } = hooks
    const { signal = new AbortController().signal } = hooks
    const wire = new Wire({ prefix, ...(registry !== undefined && { registry }) })
    metrics.behind(() => [...this.#held.values()].map(({ behind }) => behind))
    const rows = new Rows({ prefix, group, wire, producer, log, metrics })
    this.#parts = parts
    this.#log = log
    this.#metrics = metrics
    this.#signal = signal
    this.#rows = rows
    this.#shared = {
      ...{ group, admin, rows, place, log, draining: signal },
      limits: { records, bytes: FILE_BYTES, span: rollTime * 1000 },
      consumer: () => this.#consumer,
      onFile: (file) => this.#count(file),
      onFailure: (error) => this.#fail(error),
      onBegun: () => {
        this.#lastMs = Date.now()
      },
    }
  }

  /** What is waited for, if anything: files are written side by side, to one place. */
  get waitsFor(): string | undefined {
    return [...this.#held.values()].find(({ waitsFor }) => waitsFor !== undefined)?.waitsFor
  }

  async run(): Promise<ArchiveSummary> {
    const { hooks, place } = this.#parts
    await this.#join()
    hooks.onReady?.()
    const stop = (): void => this.#wake()
    this.#signal.addEventListener('abort', stop)
    try {
      while (!this.#signal.aborted && !this.#isQuiet()) {
        if (this.#failure !== undefined) throw this.#failure
        const woken = this.#woken()
        await Promise.all([...this.#held.values()].map((partition) => partition.sort()))
        await this.#bystander?.look()
        if ([...this.#held.values()].every(({ isIdle }) => isIdle)) await woken
      }
      for (const partition of this.#held.values()) await partition.finish()
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.#signal.removeEventListener('abort', stop)
      await this.#consumer?.stop()
    }
    return { to: place.location, ...this.#counts, deadLetters: this.#rows.deadLetters }
  }

  async #join(): Promise<void> {
    const { options, client, topics, awaiting } = this.#parts
    const { group, sessionTimeout } = options
    const early: (readonly TopicPartition[])[] = []
    const joining: ConsumerOptions = {
      ...{ group, topics, clientId: processName(), sessionTimeout: sessionTimeout * 1000 },
      events: {
        assigned: (partitions) => {
          if (this.#consumer === undefined) early.push(partitions)
          else this.#assigned(partitions)
        },
        records: (batch) => {
          this.#held.get(partitionKey(batch))?.put(batch.records)
          this.#lastMs = Date.now()
          this.#wake()
        },
        failed: (error) => this.#fail(error),
      },
    }
    this.#consumer = await awaiting(() => client.consumer(joining))
    for (const partitions of early) this.#assigned(partitions)
  }

  #isQuiet(): boolean {
    const { untilQuiet } = this.#parts.options
    const partitions = [...this.#held.values()]
    if (untilQuiet === undefined) return false
    if (partitions.length === 0) return this.#bystander?.isQuiet(untilQuiet) ?? false
    if (!partitions.every(({ hasBegun }) => hasBegun)) return false
    const isThrough = partitions.every((one) => one.isThrough)
    const seconds = isThrough ? untilQuiet : Math.max(untilQuiet, FETCH_SECONDS)
    return Date.now() - this.#lastMs > seconds * 1000
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, TICK_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #assigned(partitions: readonly TopicPartition[]): void {
    const now = new Set(partitions.map(partitionKey))
    for (const [key, partition] of this.#held) {
      if (now.has(key)) continue
      partition.lose()
      this.#held.delete(key)
    }
    for (const at of partitions) {
      if (this.#held.has(partitionKey(at))) continue
      const partition: Partition = new Partition({
        ...{ ...this.#shared, at },
        isTooMuch: () => this.#isTooMuch(partition),
      })
      this.#held.set(partitionKey(at), partition)
      // What goes wrong is thrown by `run`.
      partition.begin().catch(() => undefined)
    }
    const { options, admin, topics } = this.#parts
    const { group, rollTime, untilQuiet } = options
    const isSurplus = untilQuiet !== undefined && partitions.length === 0
    this.#bystander = isSurplus ? new Bystander({ admin, group, topics, rollTime }) : undefined
    this.#log.info({ partitions: partitions.length }, 'partitions assigned')
  }

  #isTooMuch({ bytes }: Partition): boolean {
    const sizes = [...this.#held.values()].map((one) => one.bytes)
    return sizes.reduce((a, b) => a + b, 0) > HELD_BYTES && bytes === Math.max(...sizes)
  }

  #count({ key, records, written, milliseconds }: Parameters<PartitionParts['onFile']>[0]): void {
    this.#metrics.stage('put', milliseconds)
    this.#metrics.object(written ? 'written' : 'there')
    this.#counts[written ? 'files' : 'found']++
    if (written) this.#counts.records += records
    this.#log.info({ key, records }, written ? 'file written' : 'file was there')
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}
