import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { S3 } from '../../src/connect/s3/client.js'
import { renderVideo } from '../../src/media/encode.js'
import { cli } from '../support/cli.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { query } from '../support/query.js'
import { type S3Server, s3Server } from '../support/s3.js'

const VIDEOS = 8

let dir: string
let server: S3Server
let s3: S3
let bucket: string
const name = (n: number) => `cam-${n % 2}/${n}.mp4`
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-s3-input-'))
  server = await s3Server()
  s3 = new S3(server.settings)
  bucket = await server.bucket()
  for (const cam of ['cam-0', 'cam-1']) await mkdir(join(dir, 'videos', cam), { recursive: true })
  for (let n = 0; n < VIDEOS; n++) {
    const filter = `testsrc2=size=160x120:rate=10:duration=2,hue=h=${n * 40}`
    await renderVideo(join(dir, 'videos', name(n)), { filter, codec: 'h264' })
    await upload(n)
  }
})
after(async () => {
  s3.close()
  await rm(dir, { recursive: true, force: true })
})

async function upload(n: number): Promise<void> {
  await s3.put({ bucket, key: `videos/${name(n)}` }, await readFile(join(dir, 'videos', name(n))))
}

/** Runs the command line on the bucket; answers with its summary. */
async function run(out: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const from = `s3://${bucket}/videos`
  const finished = await cli(['backfill', from, '--root', from, '--to', join(dir, out), '--json', ...args], {
    env: { ...server.env, ...env },
  })
  return { ...finished, summary: finished.stdout === '' ? undefined : JSON.parse(finished.stdout) }
}

const rows = (out: string) =>
  query<{ source: string; v: string }>(
    `select source, embedding::float[]::varchar v from read_parquet('${join(dir, out)}/embeddings/**/*.parquet') order by source`,
  )

/** The same sources, and vectors alike but for the last digits, which depend on what else was in the batch. */
async function assertSame(out: string, other: string): Promise<void> {
  const [a, b] = [await rows(out), await rows(other)]
  assert.deepEqual(
    a.map(({ source }) => source),
    b.map(({ source }) => source),
  )
  a.forEach(({ v }, row) => {
    const vector: number[] = JSON.parse(b[row]?.v ?? '[]')
    const apart = Math.max(...JSON.parse(v).map((x: number, i: number) => Math.abs(x - (vector[i] ?? 9))))
    assert.ok(apart < 1e-5, `${apart}`)
  })
}

test('videos of a bucket give the vectors that the same files give, and are done once', async () => {
  const first = await run('first')
  assert.equal(first.code, 0, first.stderr)
  assert.equal(first.summary.done, VIDEOS)
  assert.ok(first.summary.fetchedBytes > 0)
  const local = await cli(['backfill', 'videos', '--root', 'videos', '--to', 'local'], { cwd: dir })
  assert.equal(local.code, 0, local.stderr)
  await assertSame('first', 'local')
  const again = await run('first')
  assert.deepEqual([again.summary.done, again.summary.skipped, again.summary.fetchedBytes], [0, VIDEOS, 0])
})

test('an object that was overwritten is done again, even within the second and with the same size', async () => {
  await run('first')
  const bytes = await readFile(join(dir, 'videos', name(3)))
  const other = Buffer.from(bytes)
  // The encoder writes what it is into the stream: another letter there leaves the pictures as they are.
  other.write('X', bytes.indexOf('x264 - core'), 'latin1')
  await s3.put({ bucket, key: `videos/${name(3)}` }, other)
  const again = await run('first')
  assert.deepEqual([again.summary.done, again.summary.skipped], [1, VIDEOS - 1])
  assert.equal((await rows('first')).length, VIDEOS)
  await upload(3)
})

test('shards part the videos among them; together they are all', async () => {
  const sources: string[] = []
  for (const shard of ['0/3', '1/3', '2/3']) {
    const { summary } = await run(`shard-${shard[0]}`, ['--shard', shard])
    const found = (await rows(`shard-${shard[0]}`).catch(() => [])).map(({ source }) => source)
    assert.equal(summary.done, found.length)
    sources.push(...found)
  }
  assert.deepEqual(sources.sort(), Array.from({ length: VIDEOS }, (_, n) => name(n)).sort())
})

test('a run takes so many videos at most, and those modified since', async () => {
  const numbers = async (...args: string[]) => {
    const { summary } = await run('some', args)
    return [summary.done, summary.skipped]
  }
  assert.deepEqual(await numbers('--since', '2999-01-01'), [0, 0])
  assert.deepEqual(await numbers('--since', '1h', '--max-videos', '3'), [3, 0])
  assert.deepEqual(await numbers('--max-videos', '3'), [3, 3])
  assert.deepEqual(await numbers(), [VIDEOS - 6, 6])
})

test('what is set up wrongly ends the run with an error and a hint', async () => {
  const cases: readonly (readonly [string, readonly string[], NodeJS.ProcessEnv])[] = [
    ['S3_CREDENTIALS', [], { AWS_SECRET_ACCESS_KEY: 'not-the-secret' }],
    ['S3_CREDENTIALS', [], { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }],
    ['S3_REGION', ['--s3-region', 'eu-north-1'], {}],
    ['S3_UNAVAILABLE', ['--s3-endpoint', 'http://127.0.0.1:9'], { AWS_MAX_ATTEMPTS: '2' }],
    ['S3_BUCKET_MISSING', ['s3://no-such-bucket/a'], {}],
  ]
  for (const [code, args, env] of cases) {
    const { stderr, code: status } = await run('wrong', args, env)
    assert.equal(status, 1)
    const error = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
      .find(({ event }) => event === 'error')
    assert.equal(error?.code, code, stderr)
    assert.ok(error.hint.length > 20)
    assert.ok(!stderr.includes('not-the-secret'))
  }
})

test('a connection cut for good while videos are read makes dead letters that say so; the next run does the rest', async () => {
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(server.endpoint).port) } })
  const through = ['--s3-endpoint', `http://127.0.0.1:${proxy.port}`, '--s3-timeout', '500ms']
  try {
    // After the listing, amid the videos.
    proxy.cutAfter(30_000, 'refused')
    const cut = await run('cut', [...through, '--concurrency', '1'], { AWS_MAX_ATTEMPTS: '2' })
    assert.equal(cut.code, 0, cut.stderr)
    assert.ok(cut.summary.failed > 0)
    const codes = new Set(cut.summary.deadLetters.map(({ code }: { code: string }) => code))
    assert.deepEqual([...codes], ['S3_UNAVAILABLE'])
    for (const { message } of cut.summary.deadLetters) assert.match(message, /^Cannot read s3:\/\/bucket/)
    await proxy.set('none')
    const rest = await run('cut', through)
    assert.equal(rest.summary.done, cut.summary.failed)
    assert.equal(rest.summary.failed, 0)
    await assertSame('cut', 'first')
  } finally {
    await proxy.stop()
  }
})
