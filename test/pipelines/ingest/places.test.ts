import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { RuleStates } from '../../../pipelines/ingest/rule-states.js'
import type { IngestOptions, IngestSummary } from '../../../pipelines/ingest.js'
import { Bucket } from '../../../src/connect/s3/bucket.js'
import { S3 } from '../../../src/connect/s3/client.js'
import { renderVideo } from '../../../src/media/encode.js'
import { silentLog } from '../../../src/telemetry/log.js'
import { Topics } from '../../harness/ingest/topics.js'
import { freePort } from '../../support/child.js'
import { start } from '../../support/cli.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'
import { query } from '../../support/query.js'
import { type S3Server, s3Server } from '../../support/s3.js'

/** A drain is bounded by 15 s; machines may be slow. */
const DRAIN_SECONDS = 60

let dir: string
let server: S3Server
let proxy: FaultProxy
before(async () => {
  // What the SDK does by itself takes half a minute otherwise.
  process.env.AWS_MAX_ATTEMPTS = '1'
  dir = await mkdtemp(join(tmpdir(), 'stanflow-places-'))
  server = await s3Server()
  proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  await renderVideo(join(dir, 'a.mp4'), { codec: 'h264', filter: 'testsrc2=size=64x64:rate=10:duration=10' })
})
after(async () => {
  await proxy?.stop()
  await rm(dir, { recursive: true, force: true })
})

function ingestTo(bucket: string, more: Partial<IngestOptions> = {}): RunningIngest {
  const windows = [{ kind: 'window', frames: 4, length: 1, stride: 0.5 }] as const
  const settings = camera('a', join(dir, 'a.mp4'), { windows, fps: 4, loop: true })
  return new RunningIngest(
    ingestOptions([settings], {
      ...{ to: { kind: 'place', place: `s3://${bucket}/live`, format: 'parquet' }, checkpointSeconds: 1 },
      s3: { ...server.settings, endpoint: `http://127.0.0.1:${proxy.port}` },
      ...more,
    }),
  )
}

async function parts(bucket: string): Promise<number> {
  const names = await readdir(server.file(bucket, 'live/manifest'), { recursive: true }).catch(() => [])
  return names.filter((name) => name.endsWith('.json')).length
}

/** What is in the bucket is what was delivered, each clip once, and what was cut is delivered or dropped. */
async function matches(bucket: string, { cameras }: IngestSummary): Promise<{ dropped: number }> {
  const [{ cut = 0, delivered = 0, dropped = 0 } = {}] = cameras
  const files = server.file(bucket, 'live/embeddings/**/*.parquet')
  const rows = await query(
    `select count(*)::int as clips, count(distinct clip_id)::int as ids, max(clip_index)::int + 1 as next from '${files}'`,
  )
  assert.deepEqual(rows, [{ clips: delivered, ids: delivered, next: delivered }])
  assert.equal(cut, delivered + dropped)
  return { dropped }
}

async function until(holds: () => Promise<boolean>, running: RunningIngest): Promise<void> {
  let isSo = false
  let isLooking = false
  await eventually(
    () => {
      if (!isLooking) {
        isLooking = true
        void holds().then((answer) => {
          isSo = answer
          isLooking = false
        })
      }
      return isSo
    },
    90,
    () => running.said.slice(-8).join(''),
  )
}

async function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${seconds} s`)), seconds * 1000)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const cutOf = async (running: RunningIngest): Promise<number> => {
  const text = await running.metrics.registry.getSingleMetricAsString('stanflow_camera_clips_total')
  return Number(/outcome="cut"\} (\d+)/.exec(text)?.[1] ?? 0)
}

test('a bucket that is away is waited for, and has every clip once in the end', async () => {
  await proxy.set('none')
  const bucket = await server.bucket()
  const running = ingestTo(bucket)
  await until(async () => (await parts(bucket)) > 0, running)
  await proxy.set('refused')
  await until(async () => running.said.some((line) => line.includes('results wait for their place')), running)
  const before = await parts(bucket)
  await proxy.set('none')
  await until(async () => (await parts(bucket)) > before + 1, running)
  const { dropped } = await matches(bucket, await within(DRAIN_SECONDS, running.stop()))
  assert.equal(dropped, 0)
})

test('a drain ends though the bucket does not answer, and what it did not take counts as dropped', async () => {
  await proxy.set('none')
  const bucket = await server.bucket()
  const running = ingestTo(bucket, { drainSeconds: 4 })
  await until(async () => (await parts(bucket)) > 0, running)
  await proxy.set('hang')
  const cut = await cutOf(running)
  await until(async () => (await cutOf(running)) > cut + 4, running)
  const summary = await within(DRAIN_SECONDS, running.stop())
  assert.ok(summary.notes.some((note) => /clips and \d+ events could not be delivered/.test(note)))
  await proxy.set('none')
  const { dropped } = await matches(bucket, summary)
  assert.ok(dropped >= 4, `${dropped} dropped`)
})

test('a drain ends though the broker is gone: the summary says what came of every clip', async () => {
  const topics = await Topics.start(1)
  const port = await freePort()
  const args = [
    ...['ingest', join(dir, 'a.mp4'), '--loop', '--window', '1s', '--stride', '500ms', '--frames', '4'],
    ...['--to', `kafka://${topics.brokers}`, '--prefix', topics.prefix, '--json'],
    ...['--listen', `127.0.0.1:${port}`],
  ]
  const { child, finished } = start(args)
  try {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const about = (): string => said.slice(-2000)
    let isThere = false
    await eventually(
      () => {
        void topics.all('embeddings', 'embedding').then(
          (records) => {
            isThere ||= records.length > 0
          },
          () => undefined,
        )
        return isThere
      },
      90,
      about,
    )
    await topics.broker.kill()
    await eventually(() => said.includes('results wait for the broker'), 90, about)
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    assert.match(metrics, /^stanflow_waits_total\{code="KAFKA_\w+".*\} [1-9]/m)
    child.kill('SIGTERM')
    const { code, stdout } = await within(DRAIN_SECONDS, finished)
    assert.equal(code, 0, said)
    const { cameras, notes } = JSON.parse(stdout) as IngestSummary
    const [{ cut = 0, delivered = 0, dropped = 0 } = {}] = cameras
    assert.equal(cut, delivered + dropped)
    assert.ok(delivered > 0 && dropped > 0, stdout)
    assert.ok(notes.some((note) => note.includes('could not be delivered')))
  } finally {
    child.kill('SIGKILL')
    await topics.stop()
  }
})

test('where rules stand is kept as it is in the end, however often it changed while the place was away', async () => {
  await proxy.set('none')
  const bucket = await server.bucket()
  const s3 = new S3({ ...server.settings, endpoint: `http://127.0.0.1:${proxy.port}` })
  const giveUp = new AbortController()
  const blobs = new Bucket(s3, `s3://${bucket}/live`)
  const states = await RuleStates.open({ blobs, log: silentLog(), giveUp: giveUp.signal })
  await proxy.set('refused')
  const watch = (n: number) => ({ fall: { all: { lastStart: n, lastEnd: n + 1, below: 0 } } })
  for (let n = 0; n < 500; n++) for (const id of ['a', 'b']) states.put(`camera:${id}`, watch(n))
  const { toServer } = proxy.bytes
  await proxy.set('none')
  await within(DRAIN_SECONDS, states.settled())
  assert.ok(
    proxy.bytes.toServer - toServer < 50_000,
    `${proxy.bytes.toServer - toServer} bytes for two states`,
  )
  const again = await RuleStates.open({ blobs, log: silentLog(), giveUp: giveUp.signal })
  assert.deepEqual([again.get('camera:a'), again.get('camera:b')], [watch(499), watch(499)])
  s3.close()
})

test('where rules stand is given up when all is', async () => {
  await proxy.set('none')
  const bucket = await server.bucket()
  const s3 = new S3({ ...server.settings, endpoint: `http://127.0.0.1:${proxy.port}` })
  const giveUp = new AbortController()
  const said: string[] = []
  const log = pino({}, { write: (line: string) => void said.push(line) })
  const blobs = new Bucket(s3, `s3://${bucket}/live`)
  const states = await RuleStates.open({ blobs, log, giveUp: giveUp.signal })
  await proxy.set('refused')
  states.put('camera:a', {})
  giveUp.abort()
  await within(DRAIN_SECONDS, states.settled())
  assert.match(said.join(''), /was not kept/)
  s3.close()
})
