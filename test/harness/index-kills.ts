import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics } from '../../pipelines/topics.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { MomentIndex } from '../../src/search/moment-index.js'
import { storedClips } from '../../src/search/stored.js'
import { clipId, embeddingRecord, labelsRecord, MODEL, outgoing } from '../search/records.js'
import { cli, start } from '../support/cli.js'

export interface KillOptions {
  readonly brokers: string
  readonly prefix: string
  /** The index's folder. */
  readonly to: string
  readonly clips: number
  readonly kills: number
}

export interface KillOutcome {
  /** Killed before, while and after it was at work. */
  readonly kills: number
  /** Rows at each kill's restart, as a count of how often the index had grown by then. */
  readonly grew: number
  readonly rows: number
  readonly distinct: number
  readonly missing: readonly string[]
  /** Clips whose labels are not theirs. */
  readonly mislabelled: readonly string[]
  readonly last: string
}

const BATCH = 100

/**
 * An indexer that follows the topics is killed -9 at random moments, again and again, while clips and labels are produced: every
 * tenth clip twice, some labels before their clip. Then one runs to the end, and the index is counted.
 */
export async function killIndexer(options: KillOptions): Promise<KillOutcome> {
  const { brokers, prefix, to, clips, kills } = options
  const kafka = { brokers: [brokers] }
  await createTopics({ kafka, prefix, partitions: 3 })
  const args = ['index', '--from', `kafka://${brokers}`, '--to', to, '--prefix', prefix]
  const client = await openKafka(kafka)
  let grew = 0
  try {
    const producer = await client.producer()
    const state = { done: 0 }
    const produce = async (upTo: number): Promise<void> => {
      for (; state.done < upTo; state.done += BATCH) {
        const numbers = Array.from({ length: BATCH }, (_, i) => state.done + i)
        const early = numbers.filter((n) => n % 7 === 0).map((n) => ({ labels: labelsRecord(n) }))
        await producer.send(await outgoing(prefix, early))
        await producer.send(
          await outgoing(
            prefix,
            numbers.flatMap((n) => [
              { clip: embeddingRecord(n) },
              ...(n % 10 === 0 ? [{ clip: embeddingRecord(n) }] : []),
              ...(n % 7 === 0 ? [] : [{ labels: labelsRecord(n) }]),
            ]),
          ),
        )
      }
    }
    let before = 0
    for (let kill = 0; kill < kills; kill++) {
      const running = start(args)
      const ended = once(running.child, 'exit')
      const ready = new Promise<void>((resolve) => {
        running.child.stderr?.on('data', (chunk: Buffer) => {
          if (chunk.toString().includes('"ready"')) resolve()
        })
      })
      await Promise.race([ready, running.finished])
      const producing = produce(Math.floor(((kill + 1) * clips) / (kills + 1) / BATCH) * BATCH)
      await sleep(Math.random() * 2500)
      running.child.kill('SIGKILL')
      await ended
      await producing
      const now = await count(to)
      if (now > before) grew++
      before = now
    }
    await produce(clips)
  } finally {
    await client.close()
  }
  const { code, stdout, stderr } = await cli([...args, '--until-quiet', '3'])
  if (code !== 0) throw new Error(stderr)
  return { kills, grew, last: stdout.trim(), ...(await audit(to, clips)) }
}

async function count(to: string): Promise<number> {
  const index = await MomentIndex.open({ location: to })
  try {
    const model = await index.current()
    return model === undefined ? 0 : await (await index.clips(model)).countRows()
  } finally {
    index.close()
  }
}

async function audit(to: string, clips: number) {
  const index = await MomentIndex.open({ location: to })
  try {
    const model = await index.model(MODEL)
    const table = await index.clips(model)
    const rows = await table.query().select(['clip_id']).toArray()
    const ids = rows.map((row: { clip_id: string }) => row.clip_id)
    const expected = Array.from({ length: clips }, (_, n) => clipId(n))
    const there = new Set(ids)
    const missing = expected.filter((id) => !there.has(id))
    const mislabelled: string[] = []
    for (let from = 0; from < clips; from += 1000) {
      const stored = await storedClips(table, expected.slice(from, from + 1000))
      for (let n = from; n < Math.min(from + 1000, clips); n++) {
        const own = stored.get(clipId(n))?.labels?.labels[0]?.label
        if (own !== labelsRecord(n).labels[0]?.label) mislabelled.push(clipId(n))
      }
    }
    return { rows: ids.length, distinct: there.size, missing, mislabelled }
  } finally {
    index.close()
  }
}
