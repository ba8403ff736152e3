import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { S3 } from '../../src/connect/s3/client.js'
import { renderVideo } from '../../src/media/encode.js'
import { podsOf, rendered } from '../infra/chart.js'
import { cli } from '../support/cli.js'
import { query } from '../support/query.js'
import { type S3Server, s3Server } from '../support/s3.js'

const VIDEOS = 12
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

let dir: string
let server: S3Server
let bucket: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-s3-nightly-'))
  server = await s3Server()
  bucket = await server.bucket()
  const s3 = new S3(server.settings)
  for (let n = 0; n < VIDEOS; n++) {
    const path = join(dir, `${n}.mp4`)
    await renderVideo(path, {
      filter: `testsrc2=size=96x96:rate=10:duration=2,hue=h=${n * 30}`,
      codec: 'h264',
    })
    await s3.put({ bucket, key: `cameras/${n % 3}/${n}.mp4` }, await readFile(path))
  }
  s3.close()
})
after(() => rm(dir, { recursive: true, force: true }))

/** What the chart's pods of the night run, by their index, for this test's bucket. */
async function nightly(): Promise<{ pods: number; args: (index: number) => string[] }> {
  const place = `s3://${bucket}`
  const values = join(dir, 'values.json')
  const settings = {
    brokers: 'kafka:9092',
    labels: ['a person falls', 'a person sits down', 'an empty room'],
  }
  const night = {
    ...{ enabled: true, shards: 8, inputs: [`${place}/cameras`] },
    ...{ root: `${place}/cameras`, to: `${place}/stanflow` },
  }
  await writeFile(values, JSON.stringify({ config: settings, consume: { enabled: false }, nightly: night }))
  const manifests = rendered('-f', values)
  const { spec } = manifests.find(({ kind }) => kind === 'CronJob') as unknown as {
    spec: { jobTemplate: { spec: Readonly<Record<string, unknown>> } }
  }
  const job = spec.jobTemplate.spec
  assert.equal(job.completionMode, 'Indexed')
  assert.equal(job.parallelism, job.completions)
  const pod = podsOf(manifests).get('nightly')
  const config = manifests.find(({ metadata }) => metadata.name === 'stanflow-config')?.data?.[
    'stanflow.yaml'
  ]
  const file = join(dir, 'stanflow.yaml')
  await writeFile(file, config ?? assert.fail())
  const args = (index: number) =>
    (pod?.containers[0]?.args ?? []).map((arg) =>
      arg
        .replace('/etc/stanflow/config/stanflow.yaml', file)
        // Pods have an address each.
        .replace('--listen=0.0.0.0:9464', '--listen=127.0.0.1:0')
        .replace('$(JOB_COMPLETION_INDEX)', String(index)),
    )
  return { pods: Number(job.completions), args }
}

test("the pods of the chart's night do every video once, side by side, and nothing the next night", async () => {
  const { pods, args } = await nightly()
  const night = async () => {
    const runs: number[] = []
    // As many side by side as this machine can bear.
    for (let first = 0; first < pods; first += 2) {
      const pair = [first, first + 1].filter((index) => index < pods)
      const done = await Promise.all(
        pair.map((index) => cli([...args(index), '--json', '--checkpoint', '1s'], { env: server.env })),
      )
      for (const { code, stdout, stderr } of done) {
        assert.equal(code, 0, stderr)
        runs.push(JSON.parse(stdout).done)
      }
    }
    return runs.reduce((sum, done) => sum + done, 0)
  }
  assert.equal(await night(), VIDEOS)
  const root = server.file(bucket, 'stanflow')
  const [rows] = await query<{ n: number; d: number }>(
    `select count(*)::int n, count(distinct source)::int d from read_parquet('${root}/embeddings/**/*.parquet')`,
  )
  assert.deepEqual(rows, { n: VIDEOS, d: VIDEOS })
  assert.equal(await night(), 0)
})

test('Python reads the results straight from the bucket, with pyarrow alone', async () => {
  const python = join(ROOT, '.cache/py/bin/python')
  const script = join(ROOT, 'docs/examples/read_s3.py')
  const { stdout } = await promisify(execFile)(python, [script, `s3://${bucket}/stanflow`], {
    env: { ...process.env, ...server.env },
  })
  const [first, ...best] = stdout.trim().split('\n')
  assert.match(
    first ?? '',
    new RegExp(`^${VIDEOS} clips of ${VIDEOS} videos, fixed_size_list<.*float.*>\\[\\d+\\]$`),
  )
  assert.equal(best.length, 10)
  for (const line of best) {
    assert.match(
      line,
      /^(0\.\d{3}|1\.000) {2}(a person falls|a person sits down|an empty room) {2}\d\/\d+\.mp4$/,
    )
  }
})
