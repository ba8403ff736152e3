import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderVideo } from '../../src/media/encode.js'
import { cli, start } from '../support/cli.js'
import { query } from '../support/query.js'

const VIDEOS = 30
const KILLS = 20
const SEED = 7

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-kill-'))
  await mkdir(join(dir, 'videos'))
  for (let n = 0; n < VIDEOS; n++) {
    const filter = `testsrc2=size=160x120:rate=10:duration=2,hue=h=${n * 12}`
    await renderVideo(join(dir, 'videos', `${String(n).padStart(2, '0')}.mp4`), { filter, codec: 'h264' })
  }
})
after(() => rm(dir, { recursive: true, force: true }))

test(`killed -9 at ${KILLS} random moments, every video has exactly one result in the end`, async (t) => {
  let state = SEED
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const args = (out: string) => [
    'backfill',
    'videos',
    '--to',
    out,
    '--labels',
    'a,b',
    '--checkpoint',
    '100ms',
    '--batch',
    '2',
  ]
  const begun = performance.now()
  assert.equal((await cli(args('undisturbed'), { cwd: dir })).code, 0)
  const span = performance.now() - begun

  let out = 0
  let survived = 0
  for (let kills = 0; kills < KILLS; ) {
    const { child, finished } = start(args(`out-${out}`), { cwd: dir })
    const ended = await Promise.race([finished.then(() => true), sleep(random() * span, false)])
    if (ended) {
      // It got to the end between kills: check it, and go on in a new folder.
      await check(`out-${out}`)
      out++
      survived++
      continue
    }
    child.kill('SIGKILL')
    await once(child, 'close')
    kills++
  }
  const last = await cli(args(`out-${out}`), { cwd: dir })
  assert.equal(last.code, 0, last.stderr)
  await check(`out-${out}`)
  t.diagnostic(`${KILLS} kills over ${out + 1} output folders, ${survived} runs got to the end between kills`)
})

async function check(out: string): Promise<void> {
  const root = join(dir, out)
  const perVideo = await query<{ source: string; n: number }>(
    `select source, count(*)::int n from read_parquet('${root}/embeddings/**/*.parquet') group by source`,
  )
  assert.equal(perVideo.length, VIDEOS)
  assert.ok(
    perVideo.every(({ n }) => n === 1),
    'a video has more than one result',
  )
  const [labels] = await query<{ n: number }>(
    `select count(*)::int n from read_parquet('${root}/labels/**/*.parquet')`,
  )
  assert.equal(labels?.n, VIDEOS * 2)
  const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  const hidden = files
    .filter(({ name }) => name.startsWith('.') || name.includes('tmp'))
    .map(({ name }) => name)
  assert.deepEqual(hidden, [])
}
