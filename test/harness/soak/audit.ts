import type { KafkaClient } from '../../../src/connect/kafka/client.js'
import { readTopics } from '../../../src/connect/kafka/read-topic.js'
import type { ValueName } from '../../../src/connect/kafka/records.js'
import { type TopicName, topicName } from '../../../src/connect/kafka/topics.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { MomentIndex } from '../../../src/search/moment-index.js'
import { query } from '../../support/query.js'
import { resultKey } from '../feed.js'

/** What is due, and how much of it is where it belongs: once, not at all, more often than asked for. */
export interface Counted {
  readonly due: number
  readonly places: Readonly<Record<string, Place>>
  readonly deadLetters: number
}

export interface Place {
  readonly right: number
  readonly missing: number
  readonly doubled: number
}

export interface AuditOptions {
  readonly client: KafkaClient
  readonly prefix: string
  readonly registry: string
  /** Folder of the archive. */
  readonly archive: string
  /** Folder of the index. */
  readonly index: string
}

/** Counts inputs in their topics against results in theirs, in Parquet and in the index. */
export class Audit {
  readonly #options: AuditOptions
  readonly #wire: Wire

  constructor(options: AuditOptions) {
    this.#options = options
    this.#wire = new Wire({ prefix: options.prefix, registry: options.registry })
  }

  isWhole = ({ places }: Counted): boolean =>
    Object.values(places).every(({ missing, doubled }) => missing + doubled === 0)

  async count(): Promise<Counted> {
    const due = [...(await this.#keys('clips', 'clip')), ...(await this.#keys('videos', 'video'))]
    const wanted = times(due)
    const place = (found: readonly string[], isSet = false): Place => {
      const there = times(found)
      const keys = [...new Set([...wanted.keys(), ...there.keys()])]
      // The index holds a clip once, however often it came.
      const asked = (key: string): number =>
        isSet ? Math.min(1, wanted.get(key) ?? 0) : (wanted.get(key) ?? 0)
      const off = keys.map((key) => (there.get(key) ?? 0) - asked(key))
      return {
        right: off.filter((n) => n === 0).length,
        missing: off.filter((n) => n < 0).length,
        doubled: off.filter((n) => n > 0).length,
      }
    }
    return {
      due: due.length,
      places: {
        'topic embeddings': place(await this.#keys('embeddings', 'embedding')),
        'topic labels': place(await this.#keys('labels', 'label')),
        'Parquet embeddings': place(await this.#parquet('embeddings', '')),
        'Parquet labels': place(await this.#parquet('labels', 'where rank = 1')),
        index: place(await this.#indexed(), true),
      },
      deadLetters: (await this.#keys('dead-letter', undefined)).length,
    }
  }

  async #keys(topic: TopicName, value: ValueName | undefined): Promise<string[]> {
    const { client, prefix } = this.#options
    const keys: string[] = []
    const options = { client, admin: await client.admin(), topics: [topicName(prefix, topic)] }
    for await (const record of readTopics({ ...options, from: 'beginning', toEnd: true })) {
      if (value === undefined) keys.push(String(record.key))
      else {
        const { source, ...rest } = await this.#wire.decode(value, record.value)
        // A video's one clip begins with it.
        keys.push(resultKey(source, 'start' in rest ? rest.start : 0))
      }
    }
    return keys
  }

  /** None where there is no file yet. */
  async #parquet(kind: string, where: string): Promise<string[]> {
    const sql = `select source, "start" as s from read_parquet('${this.#options.archive}/${kind}/**/*.parquet') ${where}`
    const rows = await query<{ source: string; s: number }>(sql).catch(() => [])
    return rows.map(({ source, s }) => resultKey(source, Number(s)))
  }

  async #indexed(): Promise<string[]> {
    const index = await MomentIndex.open({ location: this.#options.index })
    try {
      const model = await index.current()
      if (model === undefined) return []
      const rows = await (await index.clips(model)).query().select(['source', 'start']).toArray()
      return rows.map(({ source, start }: { source: string; start: number }) => resultKey(source, start))
    } finally {
      index.close()
    }
  }
}

function times(keys: readonly string[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1)
  return found
}
