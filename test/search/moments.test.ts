import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mergeMoments } from '../../src/search/moments.js'
import type { FoundClip } from '../../src/search/nearest.js'

const clip = (source: string, start: number, score: number, length = 4): FoundClip => ({
  ...{ clipId: `${source}@${start}`, source, clipIndex: start, start, end: start + length },
  ...{
    frameTimes: [start, start + length / 2, start + length],
    sampling: 'window-12-4s-2s',
    score,
    labels: [],
  },
})
const ranked = (...clips: FoundClip[]): FoundClip[] => [...clips].sort((a, b) => b.score - a.score)
const spans = (clips: FoundClip[]) =>
  mergeMoments(ranked(...clips)).map(({ source, start, end, clips: count }) => [source, start, end, count])

test('windows of one event are one moment, with the best of them', () => {
  const [moment, ...others] = mergeMoments(
    ranked(clip('a', 10, 0.3), clip('a', 12, 0.4), clip('a', 14, 0.35), clip('b', 0, 0.1)),
  )
  assert.deepEqual(
    [moment?.start, moment?.end, moment?.clipId, moment?.best, moment?.score, moment?.clips],
    [10, 18, 'a@12', 14, 0.4, 3],
  )
  assert.deepEqual(
    others.map(({ source }) => source),
    ['b'],
  )
})

test('windows that follow one another without overlap are one moment too', () => {
  assert.deepEqual(spans([clip('a', 0, 0.4), clip('a', 4.2, 0.38), clip('b', 0, 0.1)])[0], ['a', 0, 8.2, 2])
})

test('a pause between two events keeps them apart', () => {
  assert.deepEqual(spans([clip('a', 0, 0.4), clip('a', 10, 0.38), clip('b', 0, 0.1)]).slice(0, 2), [
    ['a', 0, 4, 1],
    ['a', 10, 14, 1],
  ])
})

test('a neighbour that hardly matches belongs to the moment, but does not stretch it', () => {
  const found = spans([clip('a', 0, 0.4), clip('a', 2, 0.15), clip('a', 6, 0.12), clip('b', 0, 0.1)])
  assert.deepEqual(found, [
    ['a', 0, 4, 2],
    ['a', 6, 10, 1],
    ['b', 0, 4, 1],
  ])
})

test('a span that two samplings found is shown once, as the better of them found it', () => {
  const uniform = { ...clip('a', 0, 0.39, 5), sampling: 'uniform-12' }
  assert.deepEqual(spans([clip('a', 0, 0.4), uniform, clip('b', 1, 0.38)]), [
    ['a', 0, 4, 2],
    ['b', 1, 5, 1],
  ])
})

test('sources do not mix, nor do samplings whose spans differ', () => {
  const uniform = { ...clip('a', 0, 0.39, 60), sampling: 'uniform-12' }
  assert.equal(mergeMoments(ranked(clip('a', 0, 0.4), uniform, clip('b', 1, 0.38))).length, 3)
})

test('whatever comes: every clip is in one moment, moments of a track do not overlap, the order is that of scores', () => {
  const clips = fc.array(
    fc.record({
      source: fc.constantFrom('a', 'b'),
      start: fc.integer({ min: 0, max: 60 }),
      score: fc.float({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(clips, (given) => {
      const distinct = [...new Map(given.map((one) => [`${one.source}@${one.start}`, one])).values()]
      const moments = mergeMoments(
        ranked(...distinct.map(({ source, start, score }) => clip(source, start, score))),
      )
      assert.equal(
        moments.reduce((sum, { clips: count }) => sum + count, 0),
        distinct.length,
      )
      for (const [i, moment] of moments.entries()) {
        assert.ok(i === 0 || (moments[i - 1]?.score ?? 0) >= moment.score)
        for (const other of moments.slice(0, i)) {
          assert.ok(other.source !== moment.source || other.end <= moment.start || moment.end <= other.start)
        }
      }
    }),
  )
})
