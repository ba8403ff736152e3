import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3 } from '../../src/connect/s3/client.js'
import { renderVideo } from '../../src/media/encode.js'
import { cli, start } from '../support/cli.js'
import { type Fault, FaultProxy } from '../support/fault-proxy.js'
import { query } from '../support/query.js'
import { type S3Server, s3Server } from '../support/s3.js'

const VIDEOS = 20
const KILLS = 10
const SEED = 11

let dir: string
let server: S3Server
let bucket: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-s3-kill-'))
  server = await s3Server()
  bucket = await server.bucket()
  const s3 = new S3(server.settings)
  for (let n = 0; n < VIDEOS; n++) {
    const path = join(dir, `${n}.mp4`)
    const filter = `testsrc2=size=160x120:rate=10:duration=2,hue=h=${n * 17}`
    await renderVideo(path, { filter, codec: 'h264' })
    await s3.put({ bucket, key: `videos/${n}.mp4` }, await readFile(path))
  }
  s3.close()
})
after(() => rm(dir, { recursive: true, force: true }))

const args = (out: string, ...more: string[]) => [
  ...['backfill', `s3://${bucket}/videos`, '--to', `s3://${bucket}/${out}`, '--labels', 'a,b'],
  ...['--checkpoint', '100ms', '--batch', '2', ...more],
]

/** Every video has one result and two labels, and nothing else lies about. */
async function check(out: string): Promise<void> {
  const root = server.file(bucket, out)
  const rows = await query<{ source: string; n: number }>(
    `select source, count(*)::int n from read_parquet('${root}/embeddings/**/*.parquet') group by source`,
  )
  assert.equal(rows.length, VIDEOS)
  assert.ok(
    rows.every(({ n }) => n === 1),
    'a video has more than one result',
  )
  const [labels] = await query<{ n: number }>(
    `select count(*)::int n from read_parquet('${root}/labels/**/*.parquet')`,
  )
  assert.equal(labels?.n, VIDEOS * 2)
  await assert.rejects(readFile(join(root, '.stanflow.lock')), { code: 'ENOENT' })
}

test(`from bucket to bucket, killed -9 at ${KILLS} random moments: every video has exactly one result in the end`, async (t) => {
  let state = SEED
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const begun = performance.now()
  const undisturbed = await cli(args('undisturbed'), { env: server.env })
  assert.equal(undisturbed.code, 0, undisturbed.stderr)
  await check('undisturbed')
  const span = performance.now() - begun

  let out = 0
  for (let kills = 0; kills < KILLS; ) {
    const { child, finished } = start(args(`out-${out}`), { env: server.env })
    const ended = await Promise.race([finished, sleep(random() * span)])
    if (ended) {
      assert.equal(ended.code, 0, ended.stderr)
      await check(`out-${out}`)
      out++
      continue
    }
    child.kill('SIGKILL')
    await once(child, 'close')
    kills++
  }
  const last = await cli(args(`out-${out}`), { env: server.env })
  assert.equal(last.code, 0, last.stderr)
  await check(`out-${out}`)
  t.diagnostic(`${KILLS} kills over ${out + 1} places`)
})

test('cut three times while it works (refused, 503, hanging), a run goes on and ends as if nothing had been', async () => {
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  try {
    const { finished } = start(
      args('cut', '--s3-endpoint', `http://127.0.0.1:${proxy.port}`, '--s3-timeout', '1s'),
      { env: server.env },
    )
    let over = false
    finished.then(() => {
      over = true
    })
    // Once it is under way: something went through.
    while (proxy.bytes.toServer === 0) await sleep(20)
    let cuts = 0
    for (const fault of ['refused', '503', 'hang'] satisfies Fault[]) {
      await sleep(300)
      if (over) break
      await proxy.set(fault)
      await sleep(1200)
      await proxy.set('none')
      cuts++
    }
    const { code, stderr } = await finished
    assert.equal(code, 0, stderr)
    assert.equal(cuts, 3)
    await check('cut')
  } finally {
    await proxy.stop()
  }
})

test('a server that goes away for good ends the run with an error and a hint; the next run goes on', async () => {
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  try {
    const through = ['--s3-endpoint', `http://127.0.0.1:${proxy.port}`, '--s3-timeout', '500ms']
    const { finished } = start(args('gone', ...through), { env: { ...server.env, AWS_MAX_ATTEMPTS: '3' } })
    while (proxy.bytes.toServer < 100_000) await sleep(20)
    await proxy.set('refused')
    const { code, stderr } = await finished
    assert.equal(code, 1)
    assert.match(stderr, /error S3_UNAVAILABLE: .*\nhint: Check --s3-endpoint/)
  } finally {
    await proxy.stop()
  }
  const next = await cli(args('gone'), { env: server.env })
  assert.equal(next.code, 0, next.stderr)
  await check('gone')
})
