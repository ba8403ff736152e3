import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type BackfillHooks, type BackfillOptions, backfill } from '../../pipelines/index.js'
import { summaryText } from '../../src/cli/summary.js'
import { renderVideo } from '../../src/media/encode.js'
import { DAMAGED } from '../support/damaged.js'
import { query } from '../support/query.js'
import { VideoFolder } from '../support/videos.js'

let dir: string
let videos: string

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-backfill-'))
  videos = join(dir, 'videos')
  await mkdir(videos)
  for (const [n, colour] of ['red', 'green', 'blue'].entries()) {
    const filter = `color=${colour}:size=160x120:rate=10:duration=${2 + n},noise=alls=20:allf=t`
    await renderVideo(join(videos, `${colour}.mp4`), { filter, codec: 'h264' })
  }
})
after(() => rm(dir, { recursive: true, force: true }))

let outputs = 0
function options(more: Partial<BackfillOptions> = {}): BackfillOptions {
  return {
    inputs: [videos],
    to: join(dir, `out-${outputs++}`),
    root: dir,
    model: 'random:small',
    structure: 'auto',
    engine: 'auto',
    device: 'auto',
    precision: 'fp32',
    sampling: { kind: 'uniform', frames: 4 },
    labels: ['red', 'green', 'blue'],
    prompts: ['{}'],
    top: 2,
    batch: 2,
    concurrency: 2,
    reader: 'auto',
    format: 'parquet',
    checkpointSeconds: 30,
    dryRun: false,
    ...more,
  }
}

const rows = (to: string, what = 'embeddings') =>
  query<{ source: string; clip_id: string; clip_index: number; start: number; end: number }>(
    `select * from read_parquet('${to}/${what}/**/*.parquet', hive_partitioning = true) order by source, clip_index`,
  )

describe('backfill', () => {
  test('every video becomes one embedding and its best labels', async () => {
    const given = options()
    const summary = await backfill(given)
    assert.equal(summary.done, 3)
    assert.equal(summary.failed, 0)
    assert.equal(summary.frames, 12)
    assert.deepEqual(summary.notes.length, 1, 'random weights are said')
    assert.deepEqual(
      (await rows(given.to)).map(({ source }) => source),
      ['videos/blue.mp4', 'videos/green.mp4', 'videos/red.mp4'],
    )
    const labels = await query<{ n: number; best: number }>(
      `select count(*)::int n, max(rank)::int best from read_parquet('${given.to}/labels/**/*.parquet') group by clip_id`,
    )
    assert.deepEqual(labels, new Array(3).fill({ n: 2, best: 2 }))
  })

  test('a rerun does nothing; a changed video is done again, and its old result is gone', async () => {
    const own = join(dir, 'changing')
    await mkdir(own)
    await copyFile(join(videos, 'red.mp4'), join(own, 'a.mp4'))
    await copyFile(join(videos, 'blue.mp4'), join(own, 'b.mp4'))
    const given = options({ inputs: [own] })
    await backfill(given)
    const first = await rows(given.to)
    const again = await backfill(given)
    assert.deepEqual([again.skipped, again.done, again.clips], [2, 0, 0])
    await copyFile(join(videos, 'green.mp4'), join(own, 'a.mp4'))
    const changed = await backfill(given)
    assert.deepEqual([changed.skipped, changed.done], [1, 1])
    const now = await rows(given.to)
    assert.deepEqual(
      now.map(({ source }) => source),
      ['changing/a.mp4', 'changing/b.mp4'],
    )
    assert.notEqual(now[0]?.clip_id, first[0]?.clip_id)
    assert.equal(now[1]?.clip_id, first[1]?.clip_id)
  })

  test('another sampling or structure is another result in the same folder', async () => {
    const given = options()
    await backfill(given)
    const window = await backfill({ ...given, sampling: { kind: 'window', frames: 4, length: 1, stride: 1 } })
    const mean = await backfill({ ...given, structure: 'mean' })
    assert.deepEqual([window.done, mean.done], [3, 3])
    const kinds = await query<{ model: string; sample: string; n: number }>(
      `select model, sample, count(*)::int n from read_parquet('${given.to}/embeddings/**/*.parquet', hive_partitioning = true) group by all order by n`,
    )
    assert.deepEqual(
      kinds.map(({ n }) => n),
      [3, 3, 2 + 3 + 4],
    )
  })

  test('new labels need no decoding: they come from the stored vectors', async () => {
    const given = options()
    await backfill(given)
    const relabelled = await backfill({ ...given, labels: ['cat', 'dog'], top: 1 })
    assert.deepEqual(
      [relabelled.done, relabelled.skipped, relabelled.clips, relabelled.relabelled],
      [0, 3, 0, 3],
    )
    assert.match(summaryText(relabelled), /relabelled +3 {2}clips, from their stored vectors/)
    const again = await backfill({ ...given, labels: ['cat', 'dog'], top: 1 })
    assert.equal(again.relabelled, 0)
    const sets = await query<{ n: number }>(
      `select count(*)::int n from read_parquet('${given.to}/labels/**/*.parquet', hive_partitioning = true) group by label_set order by n`,
    )
    assert.deepEqual(
      sets.map(({ n }) => n),
      [3, 6],
    )
  })

  test('bad inputs become dead letters with a code and a hint; good ones are all done; a later run tries again', async () => {
    const mixed = await VideoFolder.make()
    try {
      // Made on the way: good.mp4 and whole.mp4, which the broken ones are broken copies of.
      const kinds = [
        'empty',
        'text',
        'folder',
        'audio',
        'coverArt',
        'still',
        'oneFrame',
        'truncated',
        'bitFlipped',
        'missing',
      ]
      const paths = await Promise.all(kinds.map((kind) => (DAMAGED[kind] as (typeof DAMAGED)[string])(mixed)))
      // One that a list names: what is named itself must be there.
      const list = join(dir, 'more.txt')
      await writeFile(list, `${paths.at(-1)}\n`)
      const given = options({ inputs: [mixed.dir, list], root: mixed.dir })

      const summary = await backfill(given)
      assert.deepEqual([summary.done, summary.failed, summary.found], [2, kinds.length, 2 + kinds.length])
      const letters = async () =>
        (await readFile(join(given.to, 'dead-letter.jsonl'), 'utf8'))
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      const first = await letters()
      assert.equal(first.length, kinds.length)
      assert.ok(first.every(({ hint, message, attempts }) => hint && message && attempts === 1))
      const codes = new Map(first.map(({ path, code }) => [path, code]))
      assert.deepEqual(Object.fromEntries(kinds.map((kind, n) => [kind, codes.get(paths[n])])), {
        empty: 'INPUT_EMPTY',
        text: 'MEDIA_NOT_VIDEO',
        missing: 'INPUT_NOT_FOUND',
        folder: 'INPUT_NOT_A_FILE',
        audio: 'MEDIA_NO_VIDEO_STREAM',
        coverArt: 'MEDIA_NO_VIDEO_STREAM',
        still: 'MEDIA_STILL_IMAGE',
        oneFrame: 'MEDIA_TOO_SHORT',
        truncated: 'MEDIA_TRUNCATED',
        bitFlipped: 'MEDIA_DECODE',
      })

      await copyFile(join(videos, 'red.mp4'), paths[0] as string)
      const again = await backfill(given)
      assert.deepEqual([again.done, again.skipped, again.failed], [1, 2, kinds.length - 1])
      const second = await letters()
      assert.equal(second.length, kinds.length - 1)
      assert.ok(second.every(({ attempts }) => attempts === 2))
    } finally {
      await mixed.remove()
    }
  })

  test('a path that is not there is an error before a model is loaded, and no dead letter', async () => {
    const given = options({
      inputs: [videos, join(dir, 'tpyo'), join(dir, 'tpyo2')],
      model: '/no/such/model',
    })
    await assert.rejects(backfill(given), {
      code: 'INPUT_NOT_FOUND',
      message: /There is no .*tpyo, nor .*tpyo2\./,
    })
    assert.ok(!existsSync(given.to))
    await assert.rejects(backfill({ ...given, inputs: [join(dir, '*.mp4')] }), { code: 'MODEL_NOT_FOUND' })
  })

  test('draining stores what is in flight; the next run goes on mid-video, and nothing is doubled', async () => {
    const long = join(dir, 'long')
    await mkdir(long)
    await renderVideo(join(long, 'long.mp4'), {
      filter: 'testsrc2=size=160x120:rate=10:duration=300',
      codec: 'h264',
    })
    const given = options({ inputs: [long], sampling: { kind: 'window', frames: 4, length: 2, stride: 1 } })
    const drain = new AbortController()
    const hooks: BackfillHooks = {
      signal: drain.signal,
      onProgress: ({ clips }) => {
        if (clips >= 20) drain.abort()
      },
    }
    const first = await backfill(given, hooks)
    assert.ok(first.drained)
    assert.equal(first.done, 0)
    const stored = (await rows(given.to)).length
    assert.equal(stored, first.clips)
    assert.ok(stored >= 20 && stored < 300, `${stored} clips stored`)
    const second = await backfill(given)
    assert.deepEqual([second.done, second.clips], [1, 300 - stored])
    const all = await rows(given.to)
    assert.deepEqual(
      all.map(({ clip_index }) => clip_index),
      Array.from({ length: 300 }, (_, i) => i),
    )
    assert.equal(new Set(all.map(({ clip_id }) => clip_id)).size, 300)
  })

  test('from another folder, the same command does nothing twice', async () => {
    const { root: _, ...given } = options()
    await backfill(given)
    const cwd = process.cwd()
    process.chdir(dir)
    try {
      const again = await backfill({ ...given, inputs: ['videos'] })
      assert.deepEqual([again.done, again.skipped], [0, 3])
    } finally {
      process.chdir(cwd)
    }
  })

  test('a store that fails while the model computes ends with its own error, not with a crash', async () => {
    const given = options({
      sampling: { kind: 'window', frames: 12, length: 0.5, stride: 0.05 },
      checkpointSeconds: 0.2,
    })
    let taken = false
    const hooks: BackfillHooks = {
      onProgress: ({ clips }) => {
        if (clips === 0 || taken) return
        taken = true
        void rm(join(given.to, '.stanflow.lock'), { force: true })
      },
    }
    await assert.rejects(backfill(given, hooks), (error: { code: string }) => error.code === 'OUTPUT_LOCKED')
  })

  test('a dry run says what would be done and touches nothing', async () => {
    const given = options({ dryRun: true })
    const planned: string[] = []
    const summary = await backfill(given, { onPlan: ({ source }) => void planned.push(source) })
    assert.deepEqual(planned.sort(), ['videos/blue.mp4', 'videos/green.mp4', 'videos/red.mp4'])
    assert.deepEqual([summary.found, summary.done], [3, 0])
    await assert.rejects(readdir(given.to))
  })
})
