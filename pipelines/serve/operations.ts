import type { Admin, Range } from '../../src/connect/kafka/client.js'
import { type TopicName, topicName } from '../../src/connect/kafka/topics.js'
import { asStanflowError } from '../../src/errors.js'
import type { DeadLetters } from '../../src/server/parts.js'
import type { Health, Letter, Letters } from '../../src/server/schemas.js'
import { partitionMark } from '../index-moments/marks.js'
import { groupName, type KafkaOptions } from '../kafka.js'
import { retry } from '../retry.js'
import type { Feed } from './feed.js'
import type { ResultsLibrary } from './library.js'

type Group = NonNullable<Health['kafka']>['groups'][number]

/** Jobs whose way through their topics is watched, under the names that they have by default. */
const JOBS: readonly { readonly job: string; readonly topics: readonly TopicName[] }[] = [
  { job: 'consume', topics: ['videos', 'clips'] },
  { job: 'archive', topics: ['embeddings', 'labels'] },
]
/** What the indexer reads: it marks in its index how far, and has no group. */
const INDEXED: readonly TopicName[] = ['embeddings', 'labels']
const SESSION_SECONDS = 10

export interface OperationsParts {
  readonly library: ResultsLibrary | undefined
  readonly feed: Feed | undefined
  readonly kafka: KafkaOptions | undefined
  /** How far the index that is searched has been filled, by key. */
  readonly indexMarks: (keys: readonly string[]) => Promise<ReadonlyMap<string, string>>
}

/** How the jobs fare, and what failed in them: from the results folder and from the topics. */
export class Operations implements DeadLetters {
  readonly #parts: OperationsParts
  #kafka: Health['kafka'] = null
  #sent: ReadonlyMap<number, bigint> = new Map()

  constructor(parts: OperationsParts) {
    this.#parts = parts
    if (parts.feed !== undefined) this.#kafka = { connected: false, error: null, groups: [] }
  }

  get kafka(): Health['kafka'] {
    return this.#kafka
  }

  /** Asks the broker how far each group is. */
  async refresh(): Promise<void> {
    const { feed, kafka } = this.#parts
    if (feed === undefined || kafka === undefined) return
    try {
      const admin = await feed.admin()
      const found = await Promise.all([
        ...JOBS.map(({ job, topics }) => groupsOf(admin, kafka.prefix, job, topics)),
        this.#indexer(admin, kafka.prefix),
      ])
      await this.#refreshSent(admin, kafka.prefix)
      const error = feed.error
      const groups = found.flat()
      this.#kafka = { connected: error === undefined, error: error?.message ?? null, groups }
    } catch (error) {
      this.#kafka = { connected: false, error: asStanflowError(error).message, groups: [] }
    }
  }

  get waiting(): number {
    return this.#all().filter(({ state }) => state === 'waiting').length
  }

  async list(): Promise<Letters> {
    const { feed, kafka } = this.#parts
    if (feed !== undefined && kafka !== undefined) {
      await this.#refreshSent(await feed.admin(), kafka.prefix).catch(() => undefined)
    }
    const letters = this.#all()
    const waiting = letters.filter(({ state }) => state === 'waiting')
    const retriable = waiting.filter(({ id }) => !id.startsWith(FOLDER))
    return { letters, waiting: waiting.length, retriable: retriable.length }
  }

  async retry(): Promise<number> {
    const { kafka } = this.#parts
    if (kafka === undefined) return 0
    return retry({
      ...kafka,
      group: groupName(kafka.prefix, 'retry'),
      sessionTimeout: SESSION_SECONDS,
      dryRun: false,
    })
  }

  /** The newest first. */
  #all(): Letter[] {
    const { library, feed } = this.#parts
    const stored = (library?.letters ?? []).map(
      ({ source, code, message, hint, attempts, lastFailedAt }, i): Letter => ({
        ...{ id: `${FOLDER}${i}`, source, from: 'backfill', code, message, hint, attempts },
        ...{ failedAt: lastFailedAt, state: 'waiting' },
      }),
    )
    const sent = (feed?.letters ?? []).map(
      ({ partition, offset, ...letter }): Letter => ({
        ...letter,
        state: offset < (this.#sent.get(partition) ?? 0n) ? 'sent' : 'waiting',
      }),
    )
    return [...stored, ...sent].sort((a, b) => (a.failedAt < b.failedAt ? 1 : -1))
  }

  /** The topics that the index is filled from; none where it is filled otherwise. */
  async #indexer(admin: Admin, prefix: string): Promise<Group[]> {
    const cluster = await admin.clusterId()
    const rows = await Promise.all(
      INDEXED.map(async (name): Promise<Group | undefined> => {
        const topic = topicName(prefix, name)
        const ranges = await admin.ranges(topic)
        const keyOf = (partition: number): string => partitionMark(cluster, { topic, partition })
        const marks = await this.#parts.indexMarks(ranges.map(({ partition }) => keyOf(partition)))
        if (marks.size === 0) return undefined
        const lag = lagOf(ranges, (partition) => {
          const mark = marks.get(keyOf(partition))
          return mark === undefined ? undefined : BigInt(mark)
        })
        return { group: 'index', topic, lag, members: null }
      }),
    )
    return rows.filter((row) => row !== undefined)
  }

  async #refreshSent(admin: Admin, prefix: string): Promise<void> {
    const found = await admin.checkpoints(groupName(prefix, 'retry'), topicName(prefix, 'dead-letter'))
    this.#sent = new Map(found.map(({ partition, offset }) => [partition, offset]))
  }
}

/** Ids of letters out of the results folder, which the next backfill tries again. */
const FOLDER = 'folder-'

async function groupsOf(
  admin: Admin,
  prefix: string,
  job: string,
  topics: readonly TopicName[],
): Promise<Group[]> {
  const group = groupName(prefix, job)
  const members = await admin.members(group).then(
    (found) => found.length,
    () => null,
  )
  const rows = await Promise.all(
    topics.map(async (name): Promise<Group | undefined> => {
      const topic = topicName(prefix, name)
      const committed = await admin.checkpoints(group, topic)
      // A group that never came by is none of this cluster's.
      if (committed.length === 0 && (members ?? 0) === 0) return undefined
      const ranges = await admin.ranges(topic)
      const lag = lagOf(ranges, (at) => committed.find(({ partition }) => partition === at)?.offset)
      return { group, topic, lag, members }
    }),
  )
  return rows.filter((row) => row !== undefined)
}

/** Records that are there and not read yet. */
function lagOf(ranges: readonly Range[], stoodAt: (partition: number) => bigint | undefined): number {
  return ranges.reduce((sum, { partition, low, high }) => {
    const stood = stoodAt(partition) ?? low
    return sum + Math.max(0, Math.min(Number(high - stood), Number(high - low)))
  }, 0)
}
