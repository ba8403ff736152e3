import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { type ArchiveOptions, archive } from '../../../pipelines/archive.js'
import { type ConsumeOptions, consume } from '../../../pipelines/consume.js'
import { type TailRecord, tail } from '../../../pipelines/tail.js'
import { createTopics } from '../../../pipelines/topics.js'
import { ClaimCheck } from '../../../src/connect/kafka/claim-check.js'
import type { KafkaClient } from '../../../src/connect/kafka/client.js'
import type { DeadLetterFacts } from '../../../src/connect/kafka/dead-letter.js'
import { openKafka } from '../../../src/connect/kafka/open.js'
import type { TopicName } from '../../../src/connect/kafka/topics.js'
import { Wire } from '../../../src/connect/kafka/wire.js'
import { Bucket } from '../../../src/connect/s3/bucket.js'
import type { S3Settings } from '../../../src/connect/s3/client.js'
import { S3 } from '../../../src/connect/s3/client.js'
import { StanflowError } from '../../../src/errors.js'
import { renderVideo } from '../../../src/media/encode.js'
import { clipRecords } from '../../harness/feed.js'
import { Broker } from '../../support/broker.js'
import { freePort } from '../../support/child.js'
import { cli, start } from '../../support/cli.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import { sharedBroker, sharedRegistry, topicPrefix } from '../../support/kafka.js'
import { S3Server } from '../../support/s3-server.js'

const WAIT_MS = 120_000
const FRAMES = 4
const SECONDS = 3

let dir: string
let brokers: readonly string[]
let server: S3Server
let proxy: FaultProxy
before(async () => {
  // What the SDK does by itself takes half a minute otherwise.
  process.env.AWS_MAX_ATTEMPTS = '2'
  dir = await mkdtemp(join(tmpdir(), 'stanflow-faults-'))
  brokers = [(await sharedBroker()).plain]
  server = await S3Server.start()
  proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  const filter = `testsrc2=size=320x240:rate=10:duration=${SECONDS},noise=alls=40`
  await renderVideo(join(dir, 'v.mp4'), { filter, codec: 'h264' })
})
after(async () => {
  await proxy.stop()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

/** A cluster of topics of its own, with so many videos of a bucket asked for. */
async function asked(videos: number, first?: Buffer) {
  const prefix = topicPrefix()
  const cluster = { kafka: { brokers }, prefix }
  await createTopics({ ...cluster, partitions: 1 })
  const bucket = await server.bucket()
  const client = await openKafka({ brokers })
  const wire = new Wire({ prefix })
  const producer = await client.producer()
  const topic = `${prefix}videos`
  if (first) await producer.send([{ topic, key: 'first', value: first, headers: {} }])
  for (let n = 0; n < videos; n++) {
    const source = `${n}.mp4`
    await copyFile(join(dir, 'v.mp4'), server.file(bucket, source))
    const nothing = { bytes: null, etag: null, sample: null }
    const value = await wire.encode('video', {
      ...{ request_id: source, source, uri: `s3://${bucket}/${source}`, ...nothing },
    })
    await producer.send([{ topic, key: source, value, headers: {} }])
  }
  await client.close()
  const s3: S3Settings = { ...server.settings, endpoint: `http://127.0.0.1:${proxy.port}`, timeoutSeconds: 3 }
  const consuming: ConsumeOptions = {
    ...cluster,
    ...{ group: `${prefix}consume`, model: 'default', structure: 'auto', engine: 'onnx', device: 'cpu' },
    ...{ precision: 'fp32', reader: 'node-av', labels: ['a cat'], prompts: ['{}'], top: 1, s3 },
    ...{ sampling: { kind: 'window', frames: FRAMES, length: 1, stride: 1 }, batch: 4, concurrency: 2 },
    ...{ batchDeadline: 0.05, sessionTimeout: 6, attempts: 3 },
  }
  const all = async (...topics: TopicName[]): Promise<TailRecord[]> => {
    const records: TailRecord[] = []
    for await (const record of tail({ ...cluster, topics, from: 'beginning', toEnd: true }))
      records.push(record)
    return records
  }
  return { prefix, bucket, cluster, consuming, all }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in time`)
    await sleep(100)
  }
}

/** Consumes in this process, and what it says. */
function running(options: ConsumeOptions) {
  const codes: string[] = []
  const write = (line: string): void => {
    const { code } = JSON.parse(line) as { code?: string }
    if (code !== undefined) codes.push(code)
  }
  const stop = new AbortController()
  const done = consume(options, { signal: stop.signal, log: pino({ level: 'warn' }, { write }) })
  // Awaited later.
  done.catch(() => undefined)
  return { codes, done, stop: () => stop.abort() }
}

describe('a consumer and a bucket', () => {
  test('that is away, at first and in the midst of a video: it is waited for', async () => {
    const { consuming, all } = await asked(2)
    await proxy.set('refused')
    const { codes, done, stop } = running(consuming)
    await until('it waits', () => codes.includes('S3_UNAVAILABLE'))
    const before = codes.length
    await proxy.set('none')
    proxy.cutAfter(60_000, 'refused')
    await until('it waits again', () => codes.slice(before).includes('S3_UNAVAILABLE'))
    await proxy.set('none')
    await until('results', async () => (await all('labels')).length >= 2 * SECONDS)
    stop()
    const { clips, deadLetters } = await done
    assert.deepEqual([clips, deadLetters], [2 * SECONDS, 0])
    assert.deepEqual(await all('dead-letter'), [])
  })

  test('with wrong credentials, or none of whose objects may be read: it ends, and nothing is lost', async () => {
    const { consuming, all } = await asked(4)
    const nobody = await server.user()
    const users = [
      ['S3_CREDENTIALS', { accessKeyId: 'unknown', secretAccessKey: 'unknown' }],
      [
        'S3_FORBIDDEN',
        {
          accessKeyId: nobody.AWS_ACCESS_KEY_ID ?? '',
          secretAccessKey: nobody.AWS_SECRET_ACCESS_KEY ?? '',
        },
      ],
    ] as const
    for (const [code, credentials] of users) {
      await assert.rejects(consume({ ...consuming, s3: { ...consuming.s3, credentials } }), { code })
      assert.deepEqual(await all('dead-letter'), [])
    }
    const { done, stop } = running(consuming)
    await until('results', async () => (await all('labels')).length >= 4 * SECONDS)
    stop()
    assert.equal((await done).clips, 4 * SECONDS)
  })

  test('that holds the pictures of clips: they are fetched, whether it is there at once or later', async () => {
    const { prefix, bucket, consuming, all } = await asked(0)
    const wire = new Wire({ prefix })
    const s3 = new S3(server.settings)
    const check = new ClaimCheck({ wire, limit: 1, place: new Bucket(s3, `s3://${bucket}/clips`) })
    const { records } = await clipRecords(prefix, 5)
    const client = await openKafka({ brokers })
    const producer = await client.producer()
    for (const record of records) {
      const value = await check.encode(await wire.decode('clip', record.value))
      await producer.send([{ ...record, value }])
    }
    await client.close()
    s3.close()
    await proxy.set('503')
    const { codes, done, stop } = running(consuming)
    await until('it waits', () => codes.includes('S3_UNAVAILABLE'))
    await proxy.set('none')
    await until('results', async () => (await all('labels')).length >= 5)
    stop()
    assert.deepEqual((({ clips, deadLetters }) => [clips, deadLetters])(await done), [5, 0])
  })
})

test('a record that begins as Avro does, where no registry is named, is a dead letter; others are done', async () => {
  const { consuming, all } = await asked(3, Buffer.from([0, 0, 0, 0, 1, 2, 3]))
  const { done, stop } = running(consuming)
  await until('results', async () => (await all('labels')).length >= 3 * SECONDS)
  stop()
  assert.equal((await done).deadLetters, 1)
  const letters = (await all('dead-letter')).map(({ value }) => (value as DeadLetterFacts).code)
  assert.deepEqual(letters, ['KAFKA_SCHEMA'])
})

test('Avro without a registry, or with a URL that is none: consumer and archive end, and nothing is lost', async () => {
  const registry = await sharedRegistry()
  const prefix = topicPrefix()
  const { consuming, all } = await asked(0)
  const cluster = { kafka: { brokers }, prefix }
  await createTopics({ ...cluster, partitions: 1, registry })
  const wire = new Wire({ prefix, registry })
  const client = await openKafka({ brokers })
  const producer = await client.producer()
  const moment = { clip_id: 'c', source: 's', clip_index: 0, start: 0, end: 1, frame_times: [0] }
  const result = { ...moment, model_digest: 'ab'.repeat(32), sampling: 'uniform-1', dim: 1 }
  const clip = await wire.encode('clip', { ...moment, frames: [Buffer.from('no JPEG')] })
  const embedding = await wire.encode('embedding', { ...result, vector: Buffer.alloc(4) })
  // The first of each may be a stray; the second is a forgotten option.
  for (let n = 0; n < 2; n++) {
    await producer.send([
      { topic: `${prefix}clips`, key: 's', value: clip, headers: {} },
      { topic: `${prefix}embeddings`, key: 's', value: embedding, headers: {} },
    ])
  }
  await client.close()
  const archiving: ArchiveOptions = {
    ...{ ...cluster, group: `${prefix}archive`, to: join(dir, 'avro'), rollRecords: 10, rollTime: 60 },
    ...{ sessionTimeout: 6, untilQuiet: 3 },
  }
  for (const more of [{}, { registry: new URL('/nowhere', registry).href }]) {
    const options = { ...consuming, ...cluster, group: `${prefix}consume`, ...more }
    await assert.rejects(consume(options), { code: 'KAFKA_NO_REGISTRY', hint: /--registry/ })
    await assert.rejects(archive({ ...archiving, ...more }), {
      code: 'KAFKA_NO_REGISTRY',
      hint: /--registry/,
    })
  }
  assert.deepEqual(await all('dead-letter'), [])
  assert.equal((await archive({ ...archiving, registry })).records, 2)
})

test('an archive whose commit fails after the file was written tells of one file, its own', async () => {
  const prefix = topicPrefix()
  await createTopics({ kafka: { brokers }, prefix, partitions: 1 })
  const inner = await openKafka({ brokers })
  const wire = new Wire({ prefix })
  const embedding = {
    ...{ clip_id: 'c', source: 's', clip_index: 0, start: 0, end: 1, frame_times: [0] },
    ...{ model_digest: 'ab'.repeat(32), sampling: 'uniform-1', dim: 1, vector: Buffer.alloc(4) },
  }
  const producer = await inner.producer()
  // One whose vector is no vector is a dead letter, and stops nothing.
  for (const vector of [Buffer.alloc(4), Buffer.alloc(3)]) {
    const value = await wire.encode('embedding', { ...embedding, vector })
    await producer.send([{ topic: `${prefix}embeddings`, key: 's', value, headers: {} }])
  }
  let failures = 0
  const client: KafkaClient = {
    name: 'failing',
    admin: () => inner.admin(),
    producer: () => inner.producer(),
    transactional: (id, timeout) => inner.transactional(id, timeout),
    close: () => inner.close(),
    consumer: async (options) => {
      const real = await inner.consumer(options)
      return {
        start: (at, offset) => real.start(at, offset),
        pause: (at) => real.pause(at),
        resume: (at) => real.resume(at),
        stop: () => real.stop(),
        commit: async (checkpoints) => {
          // What says only that dead letters were sent comes before the file.
          if (checkpoints.some(({ offset }) => offset > 0n) && failures++ === 0)
            throw new StanflowError('KAFKA_UNREACHABLE', 'On purpose.')
          await real.commit(checkpoints)
        },
      }
    },
  }
  const to = join(dir, 'counted')
  const archiving: ArchiveOptions = {
    ...{ kafka: { brokers }, prefix, group: `${prefix}archive`, to, rollRecords: 10, rollTime: 60 },
    ...{ sessionTimeout: 6, untilQuiet: 1 },
  }
  const { records, files, found, deadLetters } = await archive(archiving, { client })
  assert.deepEqual(
    { records, files, found, deadLetters, failures },
    { records: 1, files: 1, found: 0, deadLetters: 1, failures: 2 },
  )
  const names = (await readdir(to, { recursive: true })).filter((name) => name.endsWith('.parquet'))
  assert.equal(names.length, 1)
})

test('a broker that is down: daemons wait for it and say so, and stop in order; other commands fail at once', async (t) => {
  const broker = await Broker.start()
  t.after(() => broker.stop())
  const env = {
    STANFLOW_BROKERS: broker.addresses.plain,
    STANFLOW_SESSION_TIMEOUT: '6s',
    STANFLOW_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
  }
  assert.equal((await cli(['topics', 'create', '--partitions', '1'], { env })).code, 0)
  await broker.kill()
  const daemon = async (args: readonly string[]) => {
    const port = await freePort()
    const ready = () => fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    return { ready, ...start([...args, '--listen', `127.0.0.1:${port}`], { env }) }
  }
  const webhook = ['--webhook', 'http://127.0.0.1:1/', '--webhook-private']
  const to = `kafka://${broker.addresses.plain}`
  const daemons = await Promise.all([
    daemon(['consume']),
    daemon(['archive', '--to', join(dir, 'waiting')]),
    daemon(['index', '--from', 'kafka://', '--to', join(dir, 'index')]),
    daemon(['alerts', ...webhook]),
    daemon(['ingest', join(dir, 'v.mp4'), '--loop', '--to', to]),
  ])
  const impatient = await daemon(['consume'])
  const all = [...daemons, impatient]
  t.after(() => {
    for (const { child } of all) child.kill('SIGKILL')
  })
  const failed = await cli(['topics', 'list'], { env })
  assert.match(failed.stderr, /error KAFKA_UNREACHABLE/)
  for (const { ready } of all) {
    await until('it says what it waits for', async () => {
      const answer = await ready()
      return answer?.status === 503 && (await answer.text()).includes('broker')
    })
  }
  impatient.child.kill('SIGTERM')
  const { code, stderr } = await impatient.finished
  assert.equal(code, 0, stderr)
  await broker.restart()
  for (const { ready } of daemons) await until('ready', async () => (await ready())?.status === 200)
  for (const { child, finished } of daemons) {
    child.kill('SIGTERM')
    const { code, stderr } = await finished
    assert.equal(code, 0, stderr)
    assert.match(stderr, /waiting for the broker/)
  }
})
