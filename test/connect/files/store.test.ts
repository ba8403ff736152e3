import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Folder } from '../../../src/connect/files/folder-blobs.js'
import { readDeadLetters } from '../../../src/connect/files/results.js'
import { peekStore } from '../../../src/connect/files/store.js'
import { StanflowError } from '../../../src/errors.js'
import { clips, inFolder, open, RECIPE, sha, sql, store, stored, tree, video } from './support.js'

const A = video('a.mp4')
const B = video('b.mp4')

test('rows, labels, manifest and model land in the documented places, readable by DuckDB', () =>
  inFolder(async (dir) => {
    const results = await open(dir)
    await store(results, A, 3)
    await store(results, B, 2)
    await results.close()
    const model = `model=${RECIPE.modelDigest.slice(0, 12)}`
    const where = `${model}/sample=window-4-2s-1s`
    const labels = `labels=${sha('labels').slice(0, 12)}`
    const part = String.raw`\d{8}T\d{9}Z-[0-9a-f]{8}-\d{6}`
    const hour = String.raw`dt=\d{4}-\d\d-\d\d/hour=\d\d`
    const files = await tree(dir)
    assert.equal(files.length, 4)
    for (const [i, pattern] of [
      `embeddings/${where}/${hour}/${part}.parquet`,
      `labels/${where}/${labels}/${hour}/${part}.parquet`,
      `manifest/${where}/${part}.json`,
      `models/${RECIPE.modelDigest}.json`,
    ].entries()) {
      assert.match(files[i] ?? '', new RegExp(`^${pattern}$`))
    }
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1, 2], 'b.mp4': [0, 1] })
    const [row] = await sql(
      dir,
      `select clip_id, start, "end", frame_times, model_digest, embedding::FLOAT[8] as v, typeof(clip_index) as t,
       model, sample from '$dir/embeddings/**/*.parquet' where source = 'a.mp4' and clip_index = 1`,
    )
    const [, expected] = clips(A, 0, 2)
    assert.ok(expected)
    assert.deepEqual(row, {
      ...{ clip_id: expected.clipId, start: 1, end: 3, frame_times: [1.25, 1.75, 2.25, 2.75] },
      ...{ model_digest: RECIPE.modelDigest, v: Array.from(expected.vector), t: 'INTEGER' },
      ...{ model: RECIPE.modelDigest.slice(0, 12), sample: 'window-4-2s-1s' },
    })
    assert.deepEqual(
      await sql(
        dir,
        `select rank, label, score, similarity::DOUBLE > 0.2 as similar from '$dir/labels/**/*.parquet'
         where source = 'a.mp4' and clip_index = 1 order by rank`,
      ),
      [
        { rank: 1, label: 'run', score: 0.5, similar: true },
        { rank: 2, label: 'fall', score: 0.25, similar: true },
        { rank: 3, label: 'sit', score: Math.fround(0.5 / 3), similar: true },
      ],
    )
  }))

test('progress counts what a checkpoint made durable, and a later run goes on from there', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await first.write(A, clips(A, 0, 2))
    assert.deepEqual(first.progress(A), { clips: 0, done: false })
    await first.checkpoint()
    assert.deepEqual(first.progress(A), { clips: 2, done: false })
    await first.write(A, clips(A, 2, 3))
    await first.close()
    const second = await open(dir)
    assert.deepEqual(second.progress(A), { clips: 3, done: false })
    await store(second, A, 5)
    await second.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1, 2, 3, 4] })
    assert.deepEqual((await peekStore(new Folder(dir), RECIPE)).progress(A), { clips: 5, done: true })
  }))

test('a clip that is stored already is passed over, a gap is refused', () =>
  inFolder(async (dir) => {
    const results = await open(dir)
    await results.write(A, clips(A, 0, 3))
    await results.write(A, clips(A, 1, 4))
    await assert.rejects(results.write(A, clips(A, 5, 6)), { code: 'INTERNAL' })
    await assert.rejects(results.finish(A, 5), { code: 'INTERNAL' })
    await results.finish(A, 4)
    await results.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1, 2, 3] })
  }))

test('a part is written by itself when enough clips or enough time have gathered', () =>
  inFolder(async (dir) => {
    const results = await open(dir, { checkpointClips: 4, checkpointSeconds: 0.05 })
    await results.write(A, clips(A, 0, 5))
    assert.equal(results.progress(A).clips, 5)
    await results.write(A, clips(A, 5, 6))
    assert.equal(results.progress(A).clips, 5)
    while (results.progress(A).clips < 6) await new Promise((resolve) => setTimeout(resolve, 20))
    await results.close()
  }))

test('a video without clips is done, and leaves no data file', () =>
  inFolder(async (dir) => {
    const results = await open(dir)
    await results.finish(A, 0)
    await results.close()
    assert.deepEqual((await peekStore(new Folder(dir), RECIPE)).progress(A), { clips: 0, done: true })
    assert.deepEqual(
      (await tree(dir)).map((path) => path.split('/')[0]),
      ['manifest', 'models'],
    )
  }))

test('the same content is known by fingerprint after it was touched or copied, and by size and time unread', () =>
  inFolder(async (dir) => {
    const results = await open(dir)
    await store(results, A, 1)
    await results.checkpoint()
    assert.equal(results.progress({ ...A, modifiedMs: 1 }).done, true)
    assert.equal(results.known(A.source, A.bytes, A.modifiedMs), A.fingerprint)
    assert.equal(results.known(A.source, A.bytes, 1), undefined)
    assert.equal(results.progress({ ...A, source: 'copy.mp4' }).done, false)
    assert.equal(results.progress(video('a.mp4', 'other')).done, false)
    await results.close()
  }))

for (const format of ['parquet', 'jsonl', 'npy'] as const) {
  test(`${format}: a changed video's old rows go when the new ones come, those of others stay`, () =>
    inFolder(async (dir) => {
      const changed = video('a.mp4', 'new content')
      const first = await open(dir, { format })
      await first.write(A, clips(A, 0, 3))
      await store(first, B, 2)
      await first.checkpoint()
      await first.write(A, clips(A, 3, 4))
      await first.close()
      const second = await open(dir, { format })
      await second.fail(changed, new StanflowError('MEDIA_DECODE', 'broken'))
      await second.checkpoint()
      assert.deepEqual(second.progress(A), { clips: 4, done: false })
      await store(second, changed, 2)
      await second.close()
      const third = await open(dir)
      assert.deepEqual(third.progress(changed), { clips: 2, done: true })
      assert.deepEqual(third.progress(B), { clips: 2, done: true })
      await third.close()
      assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1], 'b.mp4': [0, 1] })
      const ids = await sql(dir, "select distinct clip_id from '$dir/labels/**/*.parquet' order by 1")
      const expected = [...clips(changed, 0, 2), ...clips(B, 0, 2)].map((clip) => clip.clipId).sort()
      assert.deepEqual(
        ids.map((row) => row.clip_id),
        expected,
      )
    }))
}

test('an interrupted removal of a changed video is completed by the next open', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, A, 2)
    await store(first, B, 1)
    await first.close()
    const before = new Map<string, Buffer>()
    for (const path of await tree(dir)) before.set(path, await readFile(join(dir, path)))
    const second = await open(dir)
    await store(second, video('a.mp4', 'new'), 1)
    await second.close()
    for (const [path, bytes] of before) {
      if (!path.startsWith('labels')) await writeFile(join(dir, path), bytes)
    }
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 0, 1], 'b.mp4': [0] })
    await (await open(dir)).close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0], 'b.mp4': [0] })
  }))

test('a new label set is applied to stored vectors, beside the old one', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, A, 2)
    await first.checkpoint()
    await store(first, B, 3)
    await first.close()
    const seen: [number, number][] = []
    const options = {
      recipe: { ...RECIPE, labelSetDigest: sha('other labels') },
      relabel: (embeddings: readonly { readonly vector: Float32Array }[]) =>
        embeddings.map(({ vector }) => [{ label: 'first', score: 1, similarity: vector[0] ?? 0 }]),
      onComplete: (clips: number, of: number) => seen.push([clips, of]),
    }
    const second = await open(dir, options)
    assert.deepEqual(seen, [
      [2, 5],
      [5, 5],
    ])
    assert.equal(second.opened.clipsCompleted, 5)
    assert.equal(second.progress(A).done, true)
    await second.close()
    const third = await open(dir, options)
    assert.equal(third.opened.clipsCompleted, 0)
    await third.close()
    const query = `select count(*)::INT as n, bool_and(l.similarity = e.embedding[1]) as same
      from '$dir/labels/**/*.parquet' l join '$dir/embeddings/**/*.parquet' e using (clip_id)
      where label_set = '${sha('other labels')}'`
    assert.deepEqual(await sql(dir, query), [{ n: 5, same: true }])
    const all = "select label_set, count(*)::INT as n from '$dir/labels/**/*.parquet' group by 1 order by n"
    assert.deepEqual(
      (await sql(dir, all)).map((row) => row.n),
      [5, 15],
    )
  }))

test('without a label set no labels are written', () =>
  inFolder(async (dir) => {
    const { labelSetDigest, ...recipe } = RECIPE
    const results = await open(dir, { recipe })
    await store(results, A, 2)
    await results.close()
    assert.ok(labelSetDigest)
    assert.equal((await tree(dir)).filter((path) => path.startsWith('labels')).length, 0)
  }))

test('results of another recipe lie beside, each with its own progress', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, A, 2)
    await first.close()
    const recipe = { ...RECIPE, modelDigest: sha('another model') }
    const second = await open(dir, { recipe })
    assert.deepEqual(second.progress(A), { clips: 0, done: false })
    await store(second, A, 1, recipe)
    await second.close()
    const uniform = { ...RECIPE, sampling: { kind: 'uniform', frames: 12 } as const }
    assert.deepEqual((await peekStore(new Folder(dir), uniform)).progress(A), { clips: 0, done: false })
    const query = "select model, count(*)::INT as n from '$dir/embeddings/**/*.parquet' group by 1 order by n"
    assert.deepEqual(await sql(dir, query), [
      { model: recipe.modelDigest.slice(0, 12), n: 1 },
      { model: RECIPE.modelDigest.slice(0, 12), n: 2 },
    ])
  }))

test('another format is added to stored results from their vectors, and back', () =>
  inFolder(async (dir) => {
    const first = await open(dir, { format: 'jsonl' })
    await store(first, A, 2)
    await first.close()
    const second = await open(dir, { format: 'npy' })
    assert.equal(second.progress(A).done, true)
    await store(second, B, 1)
    await second.close()
    const third = await open(dir, { format: 'parquet' })
    await third.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1], 'b.mp4': [0] })
    const [row] = await sql(
      dir,
      "select embedding as v from '$dir/embeddings/**/*.parquet' where source = 'a.mp4' and clip_index = 1",
    )
    assert.deepEqual(row?.v, Array.from(clips(A, 1, 2)[0]?.vector ?? []))
  }))

test('a failure is kept with its history until the video is done; other recipes keep theirs', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await first.write(A, clips(A, 0, 2))
    const letter = await first.fail(
      A,
      new StanflowError('MEDIA_DECODE', 'Frame 30 is damaged.', { hint: 'h' }),
    )
    assert.equal(letter.clipsStored, 2)
    await first.fail({ source: 'gone.mp4', path: '/gone.mp4' }, new StanflowError('INPUT_NOT_FOUND', 'gone'))
    await first.close()
    const uniform = { ...RECIPE, sampling: { kind: 'uniform', frames: 12 } as const }
    const other = await open(dir, { recipe: uniform })
    await other.fail(A, new StanflowError('MEDIA_CRASH', 'crashed'))
    await other.close()
    const second = await open(dir)
    const again = await second.fail(A, new StanflowError('MEDIA_TIMEOUT', 'stalled'))
    assert.deepEqual(
      [again.attempts, again.firstFailedAt, again.code],
      [2, letter.firstFailedAt, 'MEDIA_TIMEOUT'],
    )
    await second.checkpoint()
    assert.equal((await readDeadLetters(new Folder(dir))).length, 3)
    await store(second, A, 4)
    await second.close()
    const left = await readDeadLetters(new Folder(dir))
    assert.deepEqual(
      left.map(({ source, code }) => [source, code]),
      [
        ['a.mp4', 'MEDIA_CRASH'],
        ['gone.mp4', 'INPUT_NOT_FOUND'],
      ],
    )
    assert.equal((await readDeadLetters(new Folder(dir), RECIPE)).length, 1)
  }))

test('a part whose manifest was taken away is done again, with what depended on it', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await first.write(A, clips(A, 0, 2))
    await first.checkpoint()
    await store(first, A, 4)
    await store(first, B, 1)
    await first.close()
    const [oldest = ''] = (await tree(dir)).filter((path) => path.startsWith('manifest'))
    await rm(join(dir, oldest))
    const second = await open(dir)
    assert.deepEqual(second.progress(A), { clips: 0, done: false })
    assert.deepEqual(await stored(dir), { 'b.mp4': [0] })
    await store(second, A, 4)
    await second.close()
    assert.deepEqual(await stored(dir), { 'a.mp4': [0, 1, 2, 3], 'b.mp4': [0] })
  }))

test('a manifest that is no manifest is named, not guessed at', () =>
  inFolder(async (dir) => {
    const first = await open(dir)
    await store(first, A, 1)
    await first.close()
    const [path = ''] = (await tree(dir)).filter((name) => name.startsWith('manifest'))
    await writeFile(join(dir, path), '{"part"')
    await assert.rejects(open(dir), (error) => {
      assert.ok(error instanceof StanflowError)
      assert.equal(error.code, 'OUTPUT_CORRUPT')
      assert.ok(error.message.includes(path))
      return true
    })
    await rm(join(dir, path))
    await (await open(dir)).close()
  }))
