import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RuleBook } from '../../operators/index.js'
import { backfill } from '../../pipelines/backfill.js'
import { resultEvents } from '../../pipelines/result-events.js'
import { tail } from '../../pipelines/tail.js'
import { createTopics } from '../../pipelines/topics.js'
import { parseRules } from '../../src/config/rules.js'
import { eventRecord } from '../../src/connect/kafka/event-record.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { EventRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import type { Event } from '../../src/domain.js'
import { renderVideo } from '../../src/media/encode.js'
import { cli, start } from '../support/cli.js'
import { sharedBroker, sharedRegistry, topicPrefix } from '../support/kafka.js'

const WAIT_MS = 90_000
const RULES = `
- {name: fall, label: falls, threshold: 0.6, open-after: 2, close-after: 2, gap-after: 20s, cooldown: 3s}
- {name: crowd, labels: [many, more], threshold: 0.5, open-after: 1, close-after: 3, gap: hold, sources: "camera:y*"}
`

let dir: string
let brokers: readonly string[]
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-rules-test-'))
  await writeFile(join(dir, 'rules.yaml'), RULES)
  brokers = [(await sharedBroker()).plain]
})
after(() => rm(dir, { recursive: true, force: true }))

/** Scores that come and go, of a generator whose every run is the same. */
function labelRecords(source: string, count: number, seed: number): LabelsRecord[] {
  let state = seed
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  let level = 0
  let at = 0
  return Array.from({ length: count }, (_, n) => {
    if (random() < 0.25) level = random()
    at += random() < 0.03 ? 60 : 1
    const scores = { falls: level, many: (1 - level) / 2, more: (1 - level) / 4 }
    const labels = Object.entries(scores).map(([label, score]) => ({
      label,
      score: Math.fround(score),
      similarity: 0,
    }))
    return {
      ...{ clip_id: `${source}-${n}`, source, clip_index: n, start: at, end: at + 4, labels },
      ...{ model_digest: 'a'.repeat(64), sampling: 'window-12-4s-1s', label_set: 'b'.repeat(64) },
    }
  })
}

/** What the rules make of a source's clips in one go. */
function expected(records: readonly LabelsRecord[]): readonly Event[] {
  const book = new RuleBook(parseRules(RULES, 'rules.yaml'))
  const series = ['a'.repeat(12), 'window-12-4s-1s', 'b'.repeat(12)].join(' ')
  return records.flatMap(({ clip_id: clipId, ...clip }) => book.add({ ...clip, clipId, series }))
}

for (const registered of [false, true]) {
  test(
    registered
      ? 'events are Avro where there is a registry'
      : 'events of labels are there once each, though rules are killed in the middle',
    async () => {
      const prefix = topicPrefix()
      const registry = registered ? await sharedRegistry() : undefined
      const wired = { prefix, ...(registry !== undefined && { registry }) }
      const cluster = { kafka: { brokers }, ...wired }
      await createTopics({ ...cluster, partitions: 2 })
      const all = ['camera:yard', 'camera:door', 'camera:yacht', 'v.mp4'].map((source, n) => ({
        source,
        records: labelRecords(source, 90, 7 * n + 1),
      }))
      const client = await openKafka({ brokers })
      const producer = await client.producer()
      const wire = new Wire(wired)
      const events = async (): Promise<EventRecord[]> => {
        const found: EventRecord[] = []
        for await (const { value } of tail({
          ...cluster,
          topics: ['events'],
          from: 'beginning',
          toEnd: true,
        }))
          found.push(value as EventRecord)
        return found
      }
      const want = all.flatMap(({ records }) => expected(records).map(eventRecord))
      const wantOf = (until: number) => all.flatMap(({ records }) => expected(records.slice(0, until))).length
      const args = [
        ...['rules', '--brokers', brokers.join(','), '--prefix', prefix, '--rules', join(dir, 'rules.yaml')],
        ...['--session-timeout', '6s', '--json', ...(registry === undefined ? [] : ['--registry', registry])],
      ]
      const deadline = Date.now() + WAIT_MS
      try {
        const parts = registered ? [90] : [45, 90]
        for (const [n, until] of parts.entries()) {
          for (let i = parts[n - 1] ?? 0; i < until; i++) {
            await producer.send(
              await Promise.all(
                all.map(async ({ source, records }) => ({
                  topic: `${prefix}labels`,
                  key: source,
                  value: await wire.encode('label', records[i] as LabelsRecord),
                  headers: {},
                })),
              ),
            )
          }
          const { child, finished } = start(args)
          const isLast = until === parts.at(-1)
          // The others die somewhere in the middle of what they have to do.
          const enough = isLast ? want.length : Math.ceil((wantOf(parts[n - 1] ?? 0) + wantOf(until)) / 2)
          while ((await events()).length < enough) {
            assert.ok(Date.now() < deadline, `${(await events()).length} of ${enough} events in time`)
            assert.equal(child.exitCode, null, (await Promise.race([finished, sleep(10)]))?.stderr)
            await sleep(100)
          }
          child.kill(isLast ? 'SIGTERM' : 'SIGKILL')
          const { code, stdout } = await finished
          if (isLast) assert.deepEqual([code, JSON.parse(stdout).deadLetters], [0, 0])
        }
        const found = await events()
        assert.equal(new Set(found.map(({ event_id }) => event_id)).size, found.length, 'no event twice')
        for (const { source } of all) {
          const of = (records: readonly EventRecord[]) => records.filter((one) => one.source === source)
          assert.deepEqual(
            of(found).map((one) => ({ ...one, peak: one.peak?.toFixed(5) })),
            of(want).map((one) => ({ ...one, peak: one.peak?.toFixed(5) })),
          )
        }
        assert.ok(want.length > 20, `${want.length} events`)
      } finally {
        await client.close()
      }
    },
  )
}

describe('rules over stored results', () => {
  test('say when something was to be seen, and close with the video', async () => {
    const filter = 'color=red:size=96x72:rate=10:duration=6'
    await renderVideo(join(dir, 'still.mp4'), { filter, codec: 'h264' })
    const to = join(dir, 'out')
    const { clips } = await backfill({
      ...{ inputs: [join(dir, 'still.mp4')], to, root: dir, model: 'default', structure: 'auto' },
      ...{ engine: 'onnx', device: 'cpu', precision: 'fp32', reader: 'node-av', format: 'parquet' },
      ...{ labels: ['a red square', 'a blue circle'], prompts: ['{}'], top: 2, batch: 4, concurrency: 1 },
      ...{ sampling: { kind: 'window', frames: 4, length: 2, stride: 1 }, checkpointSeconds: 30 },
      ...{ dryRun: false, selection: {} },
    })
    assert.equal(clips, 6)
    const text = '[{name: any, labels: [a red square, a blue circle], threshold: 0.9, open-after: 3}]'
    const found: Event[] = []
    for await (const event of resultEvents({ results: to, rules: parseRules(text, 'r') })) found.push(event)
    assert.deepEqual(
      found.map(({ kind, start, end, source }) => [kind, start, end, source]),
      [
        ['rule-opened', 0, null, 'still.mp4'],
        ['rule-closed', 0, 6, 'still.mp4'],
      ],
    )
    await writeFile(join(dir, 'any.yaml'), text)
    const { stdout, code } = await cli(['events', to, '--rules', join(dir, 'any.yaml')])
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^still\.mp4 {2}0\.0–6\.0s {2}any: a (red square|blue circle) 1\.00\n1 episode in 1 video\n$/,
    )
    const json = await cli(['events', to, '--rules', join(dir, 'any.yaml'), '--json'])
    assert.deepEqual(
      json.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
      found.map(eventRecord),
    )
    const none = await cli(['events', join(dir, 'nothing'), '--rules', join(dir, 'any.yaml')])
    assert.deepEqual([none.code, /There are no results in/.test(none.stderr)], [1, true])
    assert.equal((await cli(['events', to])).code, 2)
  })
})
