import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { archive } from '../../pipelines/archive.js'
import { type ConsumeOptions, type ConsumeSummary, consume } from '../../pipelines/consume.js'
import { retry } from '../../pipelines/retry.js'
import { submit } from '../../pipelines/submit.js'
import { type TailRecord, tail } from '../../pipelines/tail.js'
import { createTopics, listTopics } from '../../pipelines/topics.js'
import type { OutgoingRecord } from '../../src/connect/kafka/client.js'
import type { DeadLetterFacts } from '../../src/connect/kafka/dead-letter.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import type { EmbeddingRecord, LabelsRecord } from '../../src/connect/kafka/records.js'
import type { Compression } from '../../src/connect/kafka/settings.js'
import { TOPIC_NAMES, type TopicName } from '../../src/connect/kafka/topics.js'
import { renderVideo } from '../../src/media/encode.js'
import { clipRecords } from '../harness/feed.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { sharedBroker, sharedRegistry, topicPrefix } from '../support/kafka.js'
import { query } from '../support/query.js'

const FRAMES = 4
const WAIT_MS = 120_000
const PYTHON = fileURLToPath(new URL('../../../.cache/py/bin/python', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/read_results.py', import.meta.url))
const run = promisify(execFile)
const DYING = fileURLToPath(new URL('../harness/dying-consumer.js', import.meta.url))

let dir: string
let brokers: readonly string[]
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-kafka-test-'))
  brokers = [(await sharedBroker()).plain]
  for (let n = 0; n < 3; n++) {
    const filter = `testsrc2=size=96x72:rate=10:duration=3,hue=h=${n * 90}`
    await renderVideo(join(dir, `${n}.mp4`), { filter, codec: 'h264' })
  }
  await writeFile(join(dir, 'broken.mp4'), 'no video at all, but called one')
})
after(() => rm(dir, { recursive: true, force: true }))

function jobs(prefix: string, registry?: string, compression?: Compression) {
  const cluster = {
    ...({ kafka: { brokers, ...(compression && { compression }) }, prefix } as const),
    ...(registry !== undefined && { registry }),
  }
  const consuming: ConsumeOptions = {
    ...cluster,
    ...{ group: `${prefix}consume`, model: 'default', structure: 'auto', engine: 'onnx', device: 'cpu' },
    ...{ precision: 'fp32', reader: 'node-av', labels: ['a cat', 'a dog'], prompts: ['{}'], top: 2 },
    ...{ sampling: { kind: 'window', frames: FRAMES, length: 1, stride: 1 }, batch: 4, concurrency: 2 },
    ...{ batchDeadline: 0.05, sessionTimeout: 6, attempts: 3 },
  }
  const all = async (...topics: TopicName[]): Promise<TailRecord[]> => {
    const records: TailRecord[] = []
    for await (const record of tail({ ...cluster, topics, from: 'beginning', toEnd: true }))
      records.push(record)
    return records
  }
  /** Consumes until there are so many results and dead letters. */
  const consumeUntil = async (results: number, letters: number): Promise<ConsumeSummary> => {
    const stop = new AbortController()
    const running = consume(consuming, { signal: stop.signal })
    const deadline = Date.now() + WAIT_MS
    for (;;) {
      const [labels, dead] = [await all('labels'), await all('dead-letter')]
      if (labels.length >= results && dead.length >= letters) break
      if (Date.now() > deadline) throw new Error(`${labels.length} results, ${dead.length} dead letters`)
      await sleep(200)
    }
    stop.abort()
    return running
  }
  return { cluster, consuming, all, consumeUntil }
}

for (const wire of ['JSON', 'Avro'] as const) {
  test(`from submit to Parquet and back from the dead, as ${wire}`, async () => {
    const prefix = topicPrefix()
    const registry = wire === 'Avro' ? await sharedRegistry() : undefined
    const { cluster, all, consumeUntil } = jobs(prefix, registry)
    assert.equal((await createTopics({ ...cluster, partitions: 2 })).length, TOPIC_NAMES.length)
    assert.equal((await createTopics({ ...cluster, partitions: 2 })).length, 0)
    assert.ok((await listTopics(cluster)).every(({ partitions }) => partitions === 2))

    const asked = { ...cluster, inputs: [dir], root: dir, again: false, dryRun: false }
    assert.deepEqual(
      { ...(await submit(asked)), failed: [] },
      { found: 4, submitted: 4, skipped: 0, failed: [] },
    )
    assert.deepEqual(
      { ...(await submit(asked)), failed: [] },
      { found: 4, submitted: 0, skipped: 4, failed: [] },
    )

    const { clips, deadLetters } = await consumeUntil(9, 1)
    assert.deepEqual([clips, deadLetters], [9, 1])
    const labels = await all('labels')
    const moments = labels
      .map(({ value }) => value as LabelsRecord)
      .map(({ source, start }) => `${source}@${start}`)
    assert.deepEqual(
      moments.sort(),
      [0, 1, 2].flatMap((n) => [0, 1, 2].map((start) => `${n}.mp4@${start}`)),
    )
    const first = labels[0] as TailRecord
    assert.equal(first.headers.ce_type, 'stanflow.labels.v1')
    assert.equal(first.key, (first.value as LabelsRecord).source)
    const letter = (await all('dead-letter'))[0] as TailRecord
    assert.deepEqual([letter.key, (letter.value as { code: string }).code], ['broken.mp4', 'MEDIA_NOT_VIDEO'])

    const again = { ...cluster, group: `${prefix}retry`, sessionTimeout: 6, dryRun: false }
    assert.equal(await retry({ ...again, dryRun: true }), 1)
    assert.equal(await retry(again), 1)
    assert.equal(await retry(again), 0)
    await consumeUntil(9, 2)
    assert.equal((await all('labels')).length, 9)
    const attempts = (await all('dead-letter')).map(({ value }) => (value as { attempts: number }).attempts)
    assert.deepEqual(attempts, [1, 2])

    const to = join(dir, `archive-${wire}`)
    const archiving = {
      ...cluster,
      group: `${prefix}archive`,
      to,
      rollRecords: 2,
      rollTime: 60,
      sessionTimeout: 6,
      untilQuiet: 2,
    }
    const { records } = await archive(archiving)
    assert.equal(records, 18)
    const files = await parquetFiles(to)
    // Another group knows nothing of what was done, and finds every file.
    const other = await archive({ ...archiving, group: `${prefix}other`, rollRecords: 5 })
    assert.deepEqual([other.records, other.found], [0, files.length])
    assert.deepEqual(await parquetFiles(to), files)
    const rows = await query<{ clip_id: string; embedding: number[] }>(
      `select clip_id, embedding from read_parquet('${to}/embeddings/**/*.parquet') order by clip_id`,
    )
    const sent = (await all('embeddings')).map(({ value }) => value as EmbeddingRecord)
    assert.deepEqual(
      rows.map((row) => row.clip_id),
      sent.map(({ clip_id }) => clip_id).sort(),
    )
    for (const { clip_id, embedding } of rows) {
      const { vector, dim } = sent.find((one) => one.clip_id === clip_id) as EmbeddingRecord
      assert.deepEqual(
        embedding,
        Array.from({ length: dim }, (_, i) => vector.readFloatLE(4 * i)),
      )
    }

    const places = ['--brokers', brokers.join(','), '--prefix', prefix, '--parquet', to]
    const more = registry === undefined ? [] : ['--registry', registry]
    const { stdout } = await run(PYTHON, [EXAMPLE, ...places, ...more])
    const read = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { clips: number })
    assert.deepEqual(
      read.map((place) => place.clips),
      [9, 9, 9],
      'what Python reads with no code of ours',
    )
  })
}

test('records that are made to end a consumer are dead letters, or clips like others', async () => {
  const prefix = topicPrefix()
  const { cluster, all, consumeUntil } = jobs(prefix)
  await createTopics({ ...cluster, partitions: 1 })
  const { records } = await clipRecords(prefix, 4)
  const [first, second, third, fourth] = records as [
    OutgoingRecord,
    OutgoingRecord,
    OutgoingRecord,
    OutgoingRecord,
  ]
  const source = 's'.repeat(900_000)
  const named = { ...(JSON.parse(String(second.value)) as object), source }
  const client = await openKafka({ brokers })
  await (await client.producer()).send([
    first,
    // It would be twice in a result, which is then larger than a topic takes.
    { ...second, key: null, value: Buffer.from(JSON.stringify(named)) },
    // Goes into the dead letter as it is.
    { ...second, key: Buffer.alloc(1_000_000, 0xff), value: Buffer.alloc(0) },
    { ...third, headers: { traceparent: 'x'.repeat(1_100_000) } },
    // kafkajs put them together in minutes.
    { ...fourth, headers: Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`h${n}`, 'x'])) },
  ])
  await client.close()
  const { deadLetters } = await consumeUntil(3, 2)
  assert.equal(deadLetters, 2)
  const codes = (await all('dead-letter')).map(({ value }) => (value as { readonly code: string }).code)
  assert.deepEqual(codes, ['KAFKA_SCHEMA', 'KAFKA_SCHEMA'])
})

test('of what unpacks to more than any topic takes the dead letter has the beginning, which is not sent again', async () => {
  const prefix = topicPrefix()
  const { cluster, all, consumeUntil } = jobs(prefix, undefined, 'none')
  await createTopics({ ...cluster, partitions: 1 })
  const { records } = await clipRecords(prefix, 2)
  const [first, second] = records as [OutgoingRecord, OutgoingRecord]
  const client = await openKafka({ brokers, compression: 'gzip' })
  const producer = await client.producer()
  const text = `{"source":"${'x'.repeat(40_000_000)}"}`
  await producer.send([first])
  await producer.send([
    { ...first, key: 'large', value: Buffer.from(text), headers: { stanflow_cut_bytes: '7' } },
  ])
  // Fits among the dead letters, but not unpacked among the videos.
  const wide = Buffer.alloc(5_000_000, 32)
  await producer.send([{ topic: `${prefix}videos`, key: 'wide', value: wide, headers: {} }])
  await producer.send([
    { ...first, key: 'junk', value: Buffer.from('junk'), headers: { stanflow_cut_bytes: '7' } },
  ])
  await producer.send([second])
  const { clips, deadLetters } = await consumeUntil(2, 3)
  assert.deepEqual([clips, deadLetters], [2, 3])
  const facts = (await all('dead-letter')).map(({ key, value }) => ({ key, ...(value as DeadLetterFacts) }))
  const sizes = Object.fromEntries(facts.map(({ key, cutBytes }) => [key, cutBytes]))
  const [large, wideLetter, junk] = [sizes.large, sizes.wide, sizes.junk]
  assert.ok(large !== undefined && large > text.length, `${large}`)
  assert.deepEqual([wideLetter, junk], [undefined, undefined])
  await client.close()

  const again = { ...cluster, group: `${prefix}retry`, sessionTimeout: 6 }
  for (const dryRun of [true, false]) {
    const [sent, left]: [string[], string[]] = [[], []]
    const count = await retry(
      { ...again, dryRun },
      {
        onRetried: ({ key }) => void sent.push(key ?? ''),
        onLeftOut: ({ key, reason }) => void left.push(`${key} ${reason}`),
      },
    )
    assert.deepEqual([count, sent, left.length], [1, ['junk'], 2])
    assert.ok(
      left.some((one) => /^large only the beginning .*clips\[0\]@1$/.test(one)),
      String(left),
    )
    assert.ok(
      left.some((one) => /^wide it has 50\d+ bytes unpacked/.test(one)),
      String(left),
    )
  }
  assert.equal(await retry({ ...again, dryRun: false }), 0)
})

test('a registry that is away is waited for: nothing becomes a dead letter for it', async () => {
  const prefix = topicPrefix()
  const registry = await sharedRegistry()
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(registry).port) } })
  try {
    const { cluster, consuming, all } = jobs(prefix, registry)
    await createTopics({ ...cluster, partitions: 1 })
    await submit({ ...cluster, inputs: [join(dir, '0.mp4')], root: dir, again: false, dryRun: false })
    await proxy.set('refused')
    const lines: { msg: string; code?: string }[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const stop = new AbortController()
    const deadline = Date.now() + WAIT_MS
    const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      while (!(await holds())) {
        if (Date.now() > deadline) throw new Error(`${what}: not in time`)
        await sleep(100)
      }
    }
    const running = consume(
      { ...consuming, registry: Object.assign(new URL(registry), { port: proxy.port }).href },
      { signal: stop.signal, log },
    )
    await until('it waits', async () => lines.some(({ code }) => code === 'KAFKA_REGISTRY'))
    await proxy.set('none')
    await until('results', async () => (await all('labels')).length === 3)
    stop.abort()
    const { clips, deadLetters } = await running
    assert.deepEqual([clips, deadLetters], [3, 0])
    assert.deepEqual(await all('dead-letter'), [])
  } finally {
    await proxy.stop()
  }
})

test('an archive passes over nothing that it could not write', async () => {
  const prefix = topicPrefix()
  const { cluster } = jobs(prefix)
  await createTopics({ ...cluster, partitions: 1 })
  const client = await openKafka({ brokers })
  // Each of another sampling, so that each is a file of its own.
  const records = ['a', 'b', 'c'].map((sampling, n) => {
    const facts = { clip_id: sampling, source: 'v.mp4', clip_index: n, start: n, end: n + 1, sampling }
    const vector = Buffer.from(Float32Array.of(1).buffer).toString('base64')
    const value = { ...facts, model_digest: 'f'.repeat(64), frame_times: [n], dim: 1, vector }
    return {
      topic: `${prefix}embeddings`,
      key: 'v.mp4',
      value: Buffer.from(JSON.stringify(value)),
      headers: {},
    }
  })
  await (await client.producer()).send(records)
  await client.close()
  const to = join(dir, 'archive-blocked')
  const blocked = join(to, 'embeddings', `model=${'f'.repeat(12)}`, 'sample=a')
  await mkdir(dirname(blocked), { recursive: true })
  await writeFile(blocked, 'no folder')
  const archiving = {
    ...cluster,
    group: `${prefix}archive`,
    to,
    rollRecords: 1,
    rollTime: 60,
    sessionTimeout: 6,
  }
  await assert.rejects(archive({ ...archiving, untilQuiet: 3 }), { code: 'OUTPUT_WRITE' })
  await rm(blocked)
  await archive({ ...archiving, untilQuiet: 3 })
  const rows = await query<{ clip_id: string }>(
    `select clip_id from read_parquet('${to}/embeddings/**/*.parquet') order by clip_id`,
  )
  assert.deepEqual(
    rows.map(({ clip_id }) => clip_id),
    ['a', 'b', 'c'],
  )
})

async function parquetFiles(to: string): Promise<string[]> {
  return (await readdir(to, { recursive: true })).filter((name) => name.endsWith('.parquet')).sort()
}

describe('a message that kills the process', () => {
  test('goes to the dead letters after three deaths; all others come through once', async () => {
    const prefix = topicPrefix()
    const { cluster, consuming, all } = jobs(prefix)
    await createTopics({ ...cluster, partitions: 1 })
    const { records } = await clipRecords(prefix, 12)
    const poisoned = records.map((record, n) => {
      if (n !== 5) return record
      const value = JSON.parse(String(record.value)) as object
      return { ...record, key: 'poison', value: Buffer.from(JSON.stringify({ ...value, source: 'poison' })) }
    })
    const client = await openKafka({ brokers })
    await (await client.producer()).send(poisoned)
    await client.close()

    let deaths = 0
    for (let done = false; !done; ) {
      const child = spawn(process.execPath, [DYING, JSON.stringify(consuming)], { stdio: 'inherit' })
      const closed = once(child, 'close').then(([, signal]) => signal as string | null)
      while (!done && child.exitCode === null && child.signalCode === null) {
        done = (await all('dead-letter')).length > 0 && (await all('labels')).length >= 11
      }
      child.kill('SIGTERM')
      if ((await closed) === 'SIGKILL') deaths++
      assert.ok(deaths < 10, 'it dies on and on')
    }
    const [letter, ...more] = (await all('dead-letter')) as [TailRecord, ...TailRecord[]]
    assert.deepEqual([letter.key, more.length], ['poison', 0])
    const { code, attempts } = letter.value as { code: string; attempts: number }
    assert.deepEqual([code, attempts], ['MESSAGE_QUARANTINED', 3])
    const sources = (await all('labels')).map(({ value }) => (value as LabelsRecord).clip_id)
    assert.deepEqual([sources.length, new Set(sources).size], [11, 11])
    assert.ok(deaths >= 3, `${deaths} deaths`)
  })
})
