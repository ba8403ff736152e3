import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Folder } from '../../../src/connect/files/folder-blobs.js'
import { readResults } from '../../../src/connect/files/results.js'
import { clips, inFolder, open, RECIPE, sha, store, tree, video } from './support.js'

const run = promisify(execFile)
const A = video('a.mp4')
const B = video('b.mp4')

async function all(...args: Parameters<typeof readResults>) {
  const results = []
  for await (const item of readResults(...args)) results.push(item)
  return results
}

for (const format of ['parquet', 'jsonl', 'npy'] as const) {
  test(`${format}: what was written is read back, video by video, over parts and runs`, () =>
    inFolder(async (dir) => {
      const first = await open(dir, { format })
      await first.write(A, clips(A, 0, 2))
      await store(first, B, 1)
      await first.close()
      const second = await open(dir, { format })
      await store(second, A, 3)
      await second.write(video('c.mp4'), clips(video('c.mp4'), 0, 1))
      await second.close()
      const results = await all(new Folder(dir), { recipe: RECIPE, vectors: true })
      assert.deepEqual(
        results.map(({ source, path, done }) => [source, path, done]),
        [
          ['b.mp4', '/videos/b.mp4', true],
          ['a.mp4', '/videos/a.mp4', true],
          ['c.mp4', '/videos/c.mp4', false],
        ],
      )
      const close = (value: number) => Math.fround(Number(value.toPrecision(9)))
      const expected = clips(A, 0, 3).map(({ modelDigest, labels, ...clip }) => ({
        ...clip,
        labels: labels.map(({ label, score, similarity }) => ({
          ...{ label, score: close(score), similarity: close(similarity) },
        })),
      }))
      const found = results[1]?.clips.map(({ labels, ...clip }) => ({
        ...clip,
        labels: labels.map(({ label, score, similarity }) => ({
          ...{ label, score: Math.fround(score), similarity: Math.fround(similarity) },
        })),
      }))
      assert.deepEqual(found, expected)
      assert.ok((await all(new Folder(dir))).every(({ clips }) => clips.every((clip) => !('vector' in clip))))
    }))
}

test('every recipe is read when none is named, each video under its own; no labels where there are none', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, A, 1)
    await first.close()
    const { labelSetDigest, ...bare } = RECIPE
    const recipe = { ...bare, modelDigest: sha('another model') }
    const second = await open(dir, { recipe })
    await store(second, A, 2, { ...recipe })
    await second.close()
    const results = await all(new Folder(dir))
    const brief = results.map(({ modelDigest, clips }) => [
      modelDigest,
      clips.map((clip) => clip.labels.length),
    ])
    assert.deepEqual(Object.fromEntries(brief), {
      [RECIPE.modelDigest]: [3],
      [recipe.modelDigest]: [0, 0],
    })
    assert.ok(labelSetDigest)
    assert.equal((await all(new Folder(dir), { recipe })).length, 1)
    assert.equal((await all(new Folder(join(dir, 'nothing')))).length, 0)
  }))

test('a changed video whose old rows are still there is read once, as it is now', () =>
  inFolder(async (dir) => {
    const first = await open(dir, { format: 'npy' })
    await store(first, A, 2)
    await store(first, B, 1)
    await first.close()
    const before = new Map<string, Buffer>()
    for (const path of await tree(dir)) before.set(path, await readFile(join(dir, path)))
    const second = await open(dir, { format: 'npy' })
    const changed = video('a.mp4', 'new')
    await store(second, changed, 1)
    await second.close()
    // As if killed after the vectors were rewritten, before their descriptions were.
    for (const [path, bytes] of before) {
      if (!path.endsWith('.npy')) await writeFile(join(dir, path), bytes)
    }
    const read = async () =>
      (await all(new Folder(dir), { vectors: true })).map(({ clips }) =>
        clips.map((clip) => [clip.clipId, clip.vector]),
      )
    const expected = [B, changed].map((of) => clips(of, 0, 1).map((clip) => [clip.clipId, clip.vector]))
    assert.deepEqual(await read(), expected)
    await (await open(dir, { format: 'npy' })).close()
    assert.deepEqual(await read(), expected)
  }))

const PYTHON = fileURLToPath(new URL('../../../../.cache/py/bin/python', import.meta.url))
const VERIFY = fileURLToPath(new URL('../../../../infra/verify-results.py', import.meta.url))

test('pyarrow and DuckDB find what is promised: fixed-size lists, unit length, unique clips, labels that join', () =>
  inFolder(async (dir) => {
    const results = await open(dir, { checkpointClips: 30 })
    for (const i of [1, 2, 3, 4]) await store(results, video(`${i}.mp4`), 20)
    await results.close()
    const { stdout } = await run(PYTHON, [VERIFY, dir])
    const row = stdout.trim().split('\n').at(-1)?.split(/ +/)
    assert.deepEqual(row, [RECIPE.modelDigest.slice(0, 12), 'window-4-2s-1s', '8', '80', '240'])
  }))

test('the check finds doubled clips, and vectors that are not of unit length', () =>
  inFolder(async (dir) => {
    const results = await open(dir)
    const [clip] = clips(A, 0, 1)
    assert.ok(clip)
    await results.write(A, [clip, { ...clip, clipIndex: 1, vector: clip.vector.map((value) => value * 2) }])
    await results.close()
    await assert.rejects(run(PYTHON, [VERIFY, dir]), (error: { code?: number; stderr?: string }) => {
      assert.equal(error.code, 1)
      assert.match(error.stderr ?? '', /length is off by 1/)
      assert.match(error.stderr ?? '', /1 clips are there more than once/)
      return true
    })
  }))

test('npy files follow clip-retrieval: float32 [n, dim] beside metadata of as many rows', () =>
  inFolder(async (dir) => {
    const results = await open(dir, { format: 'npy' })
    await store(results, A, 3)
    await results.close()
    const script = `import sys, glob, numpy as np, pyarrow.parquet as pq
d = glob.glob(sys.argv[1] + '/npy/model=*/sample=*')[0]
[n], [m] = glob.glob(d + '/img_emb/img_emb_*.npy'), glob.glob(d + '/metadata/metadata_*.parquet')
a = np.load(n)
print(a.dtype, a.shape, pq.ParquetFile(m).metadata.num_rows, a[1].tolist())`
    const { stdout } = await run(PYTHON, ['-c', script, dir])
    const vector = Array.from(clips(A, 1, 2)[0]?.vector ?? [])
    assert.equal(stdout.split(' [')[0], 'float32 (3, 8) 3')
    assert.deepEqual(JSON.parse(stdout.slice(stdout.indexOf(' ['))), vector)
  }))

test('sources that have labels of their own show them, though others were added last', () =>
  inFolder(async (dir) => {
    for (const [n, source] of [A, B, A].entries()) {
      const into = await open(dir, {
        recipe: { ...RECIPE, labelSetDigest: sha(`labels of ${source.source}`) },
      })
      await into.write(
        source,
        clips(source, n, n + 1).map((clip, at) => ({ ...clip, clipIndex: into.progress(source).clips + at })),
      )
      await into.close()
    }
    const results = await all(new Folder(dir))
    assert.deepEqual(
      results.map(({ source, clips: some }) => [source, some.map(({ labels }) => labels.length)]),
      [
        ['b.mp4', [3]],
        ['a.mp4', [3, 3]],
      ],
    )
  }))
