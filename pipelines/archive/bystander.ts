import type { Admin } from '../../src/connect/kafka/client.js'
import { MARKS } from '../../src/connect/kafka/read-topic.js'
import { FETCH_SECONDS } from './partition.js'

export interface BystanderOptions {
  readonly admin: Admin
  readonly group: string
  readonly topics: readonly string[]
  /** Seconds that others may hold records for before they commit them. */
  readonly rollTime: number
}

const LOOK_MS = 1000

/**
 * A member of a group that has more of them than there are partitions: it watches how far the others come, to take over
 * from one that dies, until nothing is left to do.
 */
export class Bystander {
  readonly #options: BystanderOptions
  #lookedMs = 0
  #changedMs = Date.now()
  #seen = ''
  #isAllDone = false

  constructor(options: BystanderOptions) {
    this.#options = options
  }

  /** Looks at how far the group is, now and then. A broker that is away says nothing of it. */
  async look(): Promise<void> {
    if (Date.now() - this.#lookedMs < LOOK_MS) return
    const standings = await this.#standings().catch(() => undefined)
    this.#lookedMs = Date.now()
    const seen = standings?.map(({ committed, high }) => `${committed}/${high}`).join(' ')
    if (seen !== undefined && seen === this.#seen) return
    this.#seen = seen ?? ''
    this.#changedMs = Date.now()
    this.#isAllDone = standings?.every(({ committed, high }) => high - committed <= MARKS) === true
  }

  /** Whether for so many seconds nothing came, and nothing was committed where the others may have more to do. */
  isQuiet(seconds: number): boolean {
    const { rollTime } = this.#options
    const enough = Math.max(seconds, FETCH_SECONDS) + (this.#isAllDone ? 0 : rollTime)
    return this.#seen !== '' && Date.now() - this.#changedMs > enough * 1000
  }

  async #standings() {
    const { admin, group, topics } = this.#options
    const ofTopics = topics.map(async (topic) => {
      const [ranges, committed] = await Promise.all([admin.ranges(topic), admin.checkpoints(group, topic)])
      const offsets = new Map(committed.map(({ partition, offset }) => [partition, offset]))
      return ranges.map(({ partition, low, high }) => {
        const offset = offsets.get(partition)
        return { committed: offset === undefined || offset < low ? low : offset, high }
      })
    })
    return (await Promise.all(ofTopics)).flat()
  }
}
