import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StanflowError } from '../../errors.js'
import {
  type Admin,
  type ConsumedRecord,
  type Consumer,
  type KafkaClient,
  partitionKey,
  type TopicPartition,
} from './client.js'

export type ReadRecord = TopicPartition & ConsumedRecord

export interface ReadOptions {
  readonly client: KafkaClient
  readonly admin: Admin
  readonly topics: readonly string[]
  /** Of each topic; all, where none is named. */
  readonly partitions?: readonly number[]
  /**
   * Where to begin: at the first record there is, at the next that comes, where a group stands, so many before the end, or at
   * offsets by `partitionKey` (and at the first record where a partition has none, or one that is no more).
   */
  readonly from:
    | 'beginning'
    | 'now'
    | { readonly group: string }
    | { readonly last: number }
    | { readonly offsets: ReadonlyMap<string, bigint> }
  /** End once everything that was there at the beginning has been read. */
  readonly toEnd: boolean
  readonly signal?: AbortSignal
}

/**
 * Nothing more has come for so long: what is left before the end are marks of transactions. A broker or machine that is slow
 * takes longer to send the first record, and to send another, so it must have answered as often meanwhile.
 */
const QUIET_MS = 1500
const [FIRST_ANSWERS, ANSWERS, MANY_ANSWERS] = [20, 5, 100]
/** Marks of transactions that may end a partition, and are none of its records; where more is missing, one that leads it may be slow. */
export const MARKS = 4n
const ANSWER_MS = 100
/** Records held for a slow caller before partitions are paused. */
const HELD = 2000

/** Committed records of topics, in order per partition, without a trace in Kafka: as from outside of any group. */
export async function* readTopics(options: ReadOptions): AsyncGenerator<ReadRecord, void, undefined> {
  const { client, admin, topics, toEnd, signal } = options
  const starts = await startsOf(options)
  const waiting = new Set(starts.filter(({ at, end }) => at < end).map(partitionKey))
  if (toEnd && waiting.size === 0) return
  const ends = new Map(starts.map((start) => [partitionKey(start), start.end]))
  const held: ReadRecord[] = []
  const paused: TopicPartition[] = []
  let hasSome = false
  let failure: StanflowError | undefined
  let wake = (): void => undefined
  let consumer: Consumer | undefined
  const group = `stanflow-read-${randomUUID()}`
  /** Of the next record to come. */
  const positions = new Map(starts.map((start) => [partitionKey(start), start.at]))
  let assigned: readonly TopicPartition[] = starts
  const begin = (): void => {
    for (const at of assigned) consumer?.start(at, positions.get(partitionKey(at)) ?? 0n)
  }
  consumer = await client.consumer({
    ...{ group, topics, clientId: group },
    events: {
      // Partitions may have been added since: all of what is in those is new.
      assigned: (partitions) => {
        assigned = partitions
        begin()
      },
      records: ({ topic, partition, records }) => {
        for (const record of records) held.push({ topic, partition, ...record })
        positions.set(partitionKey({ topic, partition }), (records.at(-1)?.offset ?? -1n) + 1n)
        if (held.length > HELD) {
          consumer?.pause({ topic, partition })
          paused.push({ topic, partition })
        }
        wake()
      },
      failed: (error) => {
        failure = error as StanflowError
        wake()
      },
    },
  })
  begin()
  const abort = (): void => wake()
  signal?.addEventListener('abort', abort)
  try {
    for (let quiet = false; signal?.aborted !== true; ) {
      if (failure !== undefined) throw failure
      for (const record of held.splice(0)) {
        quiet = false
        hasSome = true
        const key = partitionKey(record)
        const end = ends.get(key) ?? 0n
        if (toEnd && record.offset >= end) continue
        yield record
        if (record.offset + 1n >= end) waiting.delete(key)
      }
      for (const at of paused.splice(0)) consumer.resume(at)
      if (toEnd && (waiting.size === 0 || (quiet && (await isAllThere())))) return
      quiet = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(true), QUIET_MS)
        wake = () => {
          clearTimeout(timer)
          resolve(false)
        }
        if (held.length > 0) wake()
      })
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    await consumer.stop()
  }

  /** Whether nothing comes though the broker answers, time and again. */
  async function isAllThere(): Promise<boolean> {
    const lacksMuch = [...waiting].some((key) => (ends.get(key) ?? 0n) - (positions.get(key) ?? 0n) > MARKS)
    const answers = lacksMuch ? MANY_ANSWERS : hasSome ? ANSWERS : FIRST_ANSWERS
    for (let n = 0; n < answers && held.length === 0; n++) {
      await sleep(ANSWER_MS)
      await admin.ranges(topics[n % topics.length] as string)
    }
    return held.length === 0
  }

  async function startsOf({ from }: ReadOptions) {
    const all = await Promise.all(
      topics.map(async (topic) => {
        const committed =
          typeof from === 'object' && 'group' in from ? await admin.checkpoints(from.group, topic) : []
        const ranges = (await admin.ranges(topic)).filter(
          ({ partition }) => options.partitions?.includes(partition) ?? true,
        )
        return ranges.map(({ partition, low, high }) => {
          const offsets = typeof from === 'object' && 'offsets' in from ? from.offsets : undefined
          const begins = typeof from === 'object' && 'last' in from ? high - BigInt(from.last) : low
          const given =
            offsets?.get(partitionKey({ topic, partition })) ??
            committed.find((one) => one.partition === partition)?.offset
          const stood = given ?? begins
          // What has not been read may be gone by now; a topic that was made anew begins anew.
          const isGone = stood < low || (offsets !== undefined && stood > high)
          return { topic, partition, at: from === 'now' ? high : isGone ? low : stood, end: high }
        })
      }),
    )
    return all.flat()
  }
}
