import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { planClips, shownAt, uniformIndices } from '../../operators/index.js'

const regular = (frames: number, rate: number) => ({
  times: Float64Array.from({ length: frames }, (_, i) => i / rate),
  duration: frames / rate,
})

describe('uniform sampling', () => {
  test('gives the indices of the authors’ rule', () => {
    // Worked by hand: seg = 299/12 = 24.9167, offset = 24 // 2 = 12.
    assert.deepEqual(uniformIndices(300, 12), [12, 37, 62, 87, 112, 137, 162, 186, 211, 236, 261, 286])
    // seg = 0.5: 0, 0.5 → 0 (half to even), 1, 1.5 → 2.
    assert.deepEqual(uniformIndices(3, 4), [0, 0, 1, 2])
  })

  test('stays in the video, ascending, for any length', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500_000 }),
        fc.integer({ min: 1, max: 64 }),
        (available, wanted) => {
          const indices = uniformIndices(available, wanted)
          assert.equal(indices.length, wanted)
          for (const [i, index] of indices.entries()) {
            assert.ok(index >= (indices[i - 1] ?? 0) && index < available, `${index} of ${available}`)
          }
        },
      ),
    )
  })
})

describe('window sampling', () => {
  const window = { kind: 'window', frames: 4, length: 2, stride: 1 } as const

  test('slides by the stride and spreads the frames over each window', () => {
    const [first, second] = [...planClips(regular(40, 10), window)]
    assert.deepEqual(first, { index: 0, start: 0, end: 2, frameIndices: [2, 7, 12, 17] })
    assert.deepEqual(second, { index: 1, start: 1, end: 3, frameIndices: [12, 17, 22, 27] })
  })

  test('keeps the last partial window if it is at least half full', () => {
    const ends = (seconds: number) =>
      [...planClips(regular(seconds * 10, 10), { ...window, stride: 2 })].map(({ end }) => end)
    assert.deepEqual(ends(5), [2, 4, 5])
    assert.deepEqual(ends(4.9), [2, 4])
    const rounded = planClips({ ...regular(50, 10), duration: 4.999 }, { ...window, stride: 2 })
    assert.equal([...rounded].length, 3, 'a container that counts in milliseconds')
  })

  test('a video shorter than half a window is still one clip', () => {
    const clips = [...planClips(regular(3, 10), window)]
    assert.equal(clips.length, 1)
    assert.ok(clips[0]?.frameIndices.every((index) => index >= 0 && index < 3))
  })

  test('windows cover any video in order, and their frames lie within them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 2000 }),
        fc.double({ min: 0.2, max: 10, noNaN: true }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 64 }),
        (frames, length, overlap, count) => {
          const timeline = regular(frames, 25)
          const stride = length * overlap
          let last = -1
          let covered = 0
          for (const { index, start, end, frameIndices } of planClips(timeline, {
            kind: 'window',
            frames: count,
            length,
            stride,
          })) {
            assert.equal(index, last + 1)
            last = index
            assert.ok(start <= covered + 1e-9)
            covered = end
            assert.equal(frameIndices.length, count)
            for (const [i, at] of frameIndices.entries()) {
              assert.ok(at >= (frameIndices[i - 1] ?? 0))
              const time = timeline.times[at] as number
              assert.ok(time <= end && time > start - 1 / 25 - 1e-6)
            }
          }
          assert.ok(timeline.duration - covered < length / 2 + 1e-9)
        },
      ),
    )
  })

  test('shows what a player shows: a held frame stays until the next appears', () => {
    const times = [0, 1, 1.1, 5]
    assert.deepEqual(
      [0, 0.99, 1, 3, 4.999, 5, 9].map((time) => shownAt(times, time)),
      [0, 0, 1, 2, 2, 3, 3],
    )
  })
})
