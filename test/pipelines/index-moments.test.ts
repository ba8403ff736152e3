import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deleteMoments, indexModels, indexMoments, useModel } from '../../pipelines/index-moments.js'
import { openIndex } from '../../pipelines/search.js'
import { MomentIndex } from '../../src/search/moment-index.js'
import { forgetWaiting } from '../../src/search/removal.js'
import { clips, inFolder, open, RECIPE, sha, store, video } from '../connect/files/support.js'
import { writeParquetArchive } from '../search/archive.js'

const OTHER = { ...RECIPE, modelDigest: sha('a newer model') }
const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted

/** Clip ids in the index, sorted. */
async function idsIn(index: string, digest?: string): Promise<string[]> {
  const opened = await openIndex({ index, ...(digest !== undefined && { digest }) })
  try {
    const found = await opened.search({ vector: new Float32Array(RECIPE.dim).fill(1) }, { top: 9999 })
    const timelines = await Promise.all(
      [...new Set(found.map(({ source }) => source))].map((source) => opened.timeline(source)),
    )
    return timelines
      .flat()
      .map(({ clipId }) => clipId)
      .sort()
  } finally {
    await opened.close()
  }
}

const idsOf = (...of: readonly { readonly clipId: string }[][]): string[] =>
  of
    .flat()
    .map(({ clipId }) => clipId)
    .sort()

test('a store is indexed once, and goes on where it grew', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    const [a, b] = [video('a.mp4'), video('b.mp4')]
    let results = await open(from)
    await store(results, a, 5)
    await results.close()
    const first = await indexMoments({ from, to })
    assert.deepEqual([first.added, first.clips, first.read], [5, 5, 1])
    const again = await indexMoments({ from, to })
    assert.deepEqual([again.added, again.clips, again.read], [0, 5, 0])
    results = await open(from)
    await store(results, b, 3)
    await results.close()
    assert.equal((await indexMoments({ from, to })).added, 3)
    assert.deepEqual(await idsIn(to), idsOf(clips(a, 0, 5), clips(b, 0, 3)))
  }))

test('the old clips of a video that changed leave the index', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    const [a, b, changed] = [video('a.mp4'), video('b.mp4'), video('a.mp4', 'other bytes')]
    let results = await open(from)
    await store(results, a, 4)
    await store(results, b, 2)
    await results.close()
    await indexMoments({ from, to })
    results = await open(from)
    await store(results, changed, 3)
    await results.close()
    // The part of the old version is rewritten by whoever opens the store next.
    await (await open(from)).close()
    const { added, removed } = await indexMoments({ from, to })
    assert.deepEqual([added, removed], [3, 4])
    assert.deepEqual(await idsIn(to), idsOf(clips(changed, 0, 3), clips(b, 0, 2)))
  }))

test('new labels of stored clips come into the index; clips that were deleted from it do not come back with them', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    const [a, b] = [video('a.mp4'), video('b.mp4')]
    const results = await open(from)
    await store(results, a, 3)
    await store(results, b, 2)
    await results.close()
    await indexMoments({ from, to })
    assert.equal(await deleteMoments({ to }, { sources: ['b.*'] }), 2)
    const relabelled = await open(from, {
      recipe: { ...RECIPE, labelSetDigest: sha('other labels') },
      relabel: (embeddings) => embeddings.map(() => [{ label: 'jump', score: 1, similarity: 0.5 }]),
    })
    await relabelled.close()
    const { added, changed } = await indexMoments({ from, to })
    assert.deepEqual([added, changed], [0, 3])
    const index = await openIndex({ index: to })
    const timeline = await index.timeline('a.mp4')
    await index.close()
    assert.deepEqual(
      timeline.map(({ labels }) => labels[0]?.label),
      ['jump', 'jump', 'jump'],
    )
    assert.deepEqual(await idsIn(to), idsOf(clips(a, 0, 3)))
  }))

test('two models never mix: the second is refused, or kept beside, and then searched instead', () =>
  inFolder(async (dir) => {
    const [old, next, to] = [join(dir, 'old'), join(dir, 'new'), join(dir, 'index')]
    const a = video('a.mp4')
    for (const [place, recipe] of [
      [old, RECIPE],
      [next, OTHER],
    ] as const) {
      const results = await open(place, { recipe })
      await store(results, a, 4, recipe)
      await results.close()
    }
    await indexMoments({ from: old, to })
    await assert.rejects(indexMoments({ from: next, to }), code('INDEX_MODEL'))
    assert.deepEqual(await idsIn(to), idsOf(clips(a, 0, 4)))
    await indexMoments({ from: next, to, beside: true })
    assert.deepEqual(await idsIn(to), idsOf(clips(a, 0, 4)), 'the old model is still the one searched')
    assert.deepEqual(await idsIn(to, OTHER.modelDigest.slice(0, 8)), idsOf(clips(a, 0, 4, OTHER)))
    await useModel({ to }, OTHER.modelDigest.slice(0, 12))
    assert.deepEqual(await idsIn(to), idsOf(clips(a, 0, 4, OTHER)))
    await assert.rejects(deleteMoments({ to }, { digest: OTHER.modelDigest }), code('INDEX_MODEL'))
    assert.equal(await deleteMoments({ to }, { digest: RECIPE.modelDigest }), 4)
    assert.deepEqual(
      (await indexModels({ to })).map(({ digest, searched }) => [digest, searched]),
      [[OTHER.modelDigest, true]],
    )
  }))

test('of a folder with results of several models one is named', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    const a = video('a.mp4')
    for (const recipe of [RECIPE, OTHER]) {
      const results = await open(from, { recipe })
      await store(results, a, 4, recipe)
      await results.close()
    }
    await assert.rejects(indexMoments({ from, to }), code('INDEX_MODEL'))
    await indexMoments({ from, to: join(dir, 'other'), digest: OTHER.modelDigest.slice(0, 12) })
    assert.deepEqual(await idsIn(join(dir, 'other')), idsOf(clips(a, 0, 4, OTHER)))
  }))

test('clips go by source and by age: cameras by when they were seen, videos by when they were indexed', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    const now = Date.now() / 1000
    await writeParquetArchive(from, [
      { source: 'camera:hall', start: now - 5 * 86_400 },
      { source: 'camera:hall', start: now - 3600 },
      { source: 'camera:ha%l', start: now - 3600 },
      { source: 'a.mp4', start: 4 },
    ])
    assert.equal((await indexMoments({ from, to })).added, 4)
    assert.equal((await indexMoments({ from, to })).read, 0)
    assert.equal(await deleteMoments({ to }, { olderThan: 86_400 }), 1)
    assert.equal(await deleteMoments({ to }, { sources: ['camera:ha%l'] }), 1)
    assert.equal(await deleteMoments({ to }, { cameras: ['h?ll'] }), 1)
    assert.equal(
      await deleteMoments({ to }, { olderThan: -10 }),
      1,
      'the video was indexed before ten seconds from now',
    )
    const kept = join(dir, 'kept')
    assert.equal((await indexMoments({ from, to: kept, keep: 86_400 })).added, 3)
    assert.equal(await waitingIn(kept), 0, 'labels of the clip that was not taken in do not wait for it')
  }))

test('labels that came before their clip wait for it, and not without end', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    await writeParquetArchive(from, [{ source: 'camera:hall', start: Date.now() / 1000 }])
    await rm(join(from, 'embeddings'), { recursive: true })
    await assert.rejects(indexMoments({ from, to }), code('INPUT_NONE'))
    assert.equal(await waitingIn(to), 1)
    const forget = (days: number): Promise<number> =>
      withMoments(to, (index) => forgetWaiting(index, Date.now() + days * 86_400_000))
    assert.equal(await forget(6), 0)
    assert.equal(await forget(8), 1)
    assert.equal(await waitingIn(to), 0)
  }))

async function withMoments<T>(location: string, use: (index: MomentIndex) => Promise<T>): Promise<T> {
  const index = await MomentIndex.open({ location })
  try {
    return await use(index)
  } finally {
    index.close()
  }
}

const waitingIn = (location: string): Promise<number> =>
  withMoments(location, async (index) => (await index.waiting()).countRows())

test('one process writes at a time; an empty or missing input is said so', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    await assert.rejects(indexMoments({ from, to }), code('INPUT_NONE'))
    await assert.rejects(openIndex({ index: to }), code('INDEX_MISSING'))
    await assert.rejects(openIndex({ index: join(dir, 'nowhere') }), code('INDEX_MISSING'))
    const results = await open(from)
    await store(results, video('a.mp4'), 4)
    await results.close()
    const both = await Promise.allSettled([indexMoments({ from, to }), indexMoments({ from, to })])
    const refused = both.filter((one) => one.status === 'rejected')
    assert.ok(refused.length <= 1 && refused.every(({ reason }) => code('OUTPUT_LOCKED')(reason)))
    assert.deepEqual(await idsIn(to), idsOf(clips(video('a.mp4'), 0, 4)))
  }))

test('a signal ends it after a part, and the next run goes on', () =>
  inFolder(async (dir) => {
    const [from, to] = [join(dir, 'out'), join(dir, 'index')]
    for (const name of ['a.mp4', 'b.mp4', 'c.mp4']) {
      const results = await open(from)
      await store(results, video(name), 2)
      await results.close()
    }
    const stop = new AbortController()
    const stopped = await indexMoments({ from, to }, { signal: stop.signal, onProgress: () => stop.abort() })
    assert.deepEqual([stopped.drained, stopped.read, stopped.clips], [true, 1, 2])
    assert.equal((await indexMoments({ from, to })).clips, 6)
  }))
