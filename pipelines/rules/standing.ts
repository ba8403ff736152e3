import { isCamera, type Rule, RuleBook, type SavedWatches } from '../../operators/index.js'
import type { Admin, KafkaClient, OutgoingRecord } from '../../src/connect/kafka/client.js'
import { readTopics } from '../../src/connect/kafka/read-topic.js'
import type { LabelsRecord } from '../../src/connect/kafka/records.js'
import { topicName } from '../../src/connect/kafka/topics.js'
import type { Event } from '../../src/domain.js'

export interface StandingOptions {
  readonly client: KafkaClient
  readonly admin: Admin
  readonly prefix: string
  readonly group: string
  readonly rules: readonly Rule[]
}

/** What a record leads to: events, and where its sources stand after it. */
export interface Turn {
  readonly events: readonly Event[]
  readonly standing: readonly OutgoingRecord[]
}

const SEPARATOR = '\n'

/**
 * Where the rules stand at the sources of one partition of `labels`. It is kept in the partition of the same number of
 * `rule-state`, written in the transaction that commits the events and the offset it belongs to.
 */
export class Standing {
  readonly #book: RuleBook
  readonly #stored = new Set<string>()
  readonly #options: StandingOptions
  readonly #partition: number
  /** When each source was last heard of here: Unix seconds. */
  readonly #heard = new Map<string, number>()
  /** What rules that are gone have left open. */
  #first: readonly Event[]

  private constructor(options: StandingOptions, partition: number, saved: ReadonlyMap<string, SavedWatches>) {
    this.#options = options
    this.#partition = partition
    this.#book = new RuleBook([])
    for (const [source, watches] of saved) {
      this.#book.restore(source, watches)
      this.#stored.add(source)
      this.#heard.set(source, Date.now() / 1000)
    }
    this.#first = this.#book.replace(options.rules)
  }

  static async load(options: StandingOptions, partition: number): Promise<Standing> {
    const { client, admin, prefix, group } = options
    const saved = new Map<string, SavedWatches>()
    const topics = [topicName(prefix, 'rule-state')]
    const reading = {
      client,
      admin,
      topics,
      partitions: [partition],
      from: 'beginning',
      toEnd: true,
    } as const
    for await (const { key, value } of readTopics(reading)) {
      const [of, source] = key?.toString().split(SEPARATOR) ?? []
      if (of !== group || source === undefined) continue
      if (value === null) saved.delete(source)
      else saved.set(source, JSON.parse(value.toString()) as SavedWatches)
    }
    return new Standing(options, partition, saved)
  }

  /**
   * At `now` nothing has come of a camera for so long that what is going on there is over: longer than a rule says, and by
   * `late` seconds. `since`: when the topic was last out of reach. Both are Unix seconds.
   */
  late({ now, since, late }: { readonly now: number; readonly since: number; readonly late: number }): Turn {
    const events: Event[] = []
    for (const source of this.#book.sources) {
      if (!isCamera(source) || !this.#book.isGoing(source)) continue
      const silent = now - Math.max(since, this.#heard.get(source) ?? now) - late
      events.push(...this.#book.silent(source, silent))
    }
    const touched = new Set(events.map(({ source }) => source))
    return { events, standing: [...touched].flatMap((one) => this.#keep(one)) }
  }

  add(record: LabelsRecord): Turn {
    const { source, clip_id: clipId, start, end, labels, model_digest, sampling, label_set } = record
    const events: Event[] = [...this.#first]
    const touched = new Set([...this.#first.map((event) => event.source), source])
    this.#first = []
    this.#heard.set(source, Date.now() / 1000)
    // A video that begins anew, perhaps another one of that name.
    if (!isCamera(source) && record.clip_index === 0) events.push(...this.#book.finish(source))
    const series = [model_digest.slice(0, 12), sampling, label_set.slice(0, 12)].join(' ')
    events.push(...this.#book.add({ clipId, source, series, start, end, labels }))
    return { events, standing: [...touched].flatMap((one) => this.#keep(one)) }
  }

  #keep(source: string): readonly OutgoingRecord[] {
    const saved = this.#book.save(source)
    // Of a video nothing need be remembered between its episodes.
    const isIdle =
      saved === undefined ||
      (!isCamera(source) &&
        Object.values(saved).every((series) =>
          Object.values(series).every(({ open, pending }) => open === undefined && pending === undefined),
        ))
    if (isIdle) this.#book.forget(source)
    if (isIdle && !this.#stored.delete(source)) return []
    if (!isIdle) this.#stored.add(source)
    const { prefix, group } = this.#options
    return [
      {
        topic: topicName(prefix, 'rule-state'),
        partition: this.#partition,
        key: `${group}${SEPARATOR}${source}`,
        value: isIdle ? null : Buffer.from(JSON.stringify(saved)),
        headers: {},
      },
    ]
  }
}
