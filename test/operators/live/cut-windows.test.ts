import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type CutWindowsOptions,
  FramePool,
  type LiveClip,
  WindowCutter,
  type WindowSampling,
} from '../../../operators/index.js'

const SECONDS: WindowSampling = { kind: 'window', frames: 12, length: 4, stride: 1 }
const SHORT: WindowSampling = { kind: 'window', frames: 12, length: 2, stride: 1 }

function cutter(options: Partial<CutWindowsOptions> = {}) {
  const pool = new FramePool()
  const widened: WindowSampling[] = []
  const windows = new WindowCutter({
    ...{ source: 'camera:a', windows: [SECONDS], fps: 3, modelDigest: 'm', pool, gap: 5, widening: () => 1 },
    onWidened: (window) => void widened.push(window),
    ...options,
  })
  let index = 0
  const add = (time: number, run = 0): readonly LiveClip[] =>
    windows.add({ source: 'camera:a', run, index: index++, time, pixels: pool.allocate(3) })
  const play = (from: number, seconds: number, { fps = 3, run = 0 } = {}): LiveClip[] =>
    Array.from({ length: Math.round(seconds * fps) }, (_, n) => add(from + n / fps, run)).flat()
  return { windows, pool, widened, add, play }
}

test('windows slide by their stride, end with their last frame, and are the same after a restart', () => {
  const clips = cutter().play(1000.1, 20)
  assert.equal(clips.length, 16)
  for (const [n, clip] of clips.entries()) {
    assert.equal(clip.index, (clips[0]?.index ?? 0) + n)
    assert.equal(Number((clip.end - clip.start).toFixed(3)), 4)
    for (const [i, { time }] of clip.frames.entries()) {
      assert.ok(Math.abs(time - (clip.start + (i + 0.5) / 3)) <= 1 / 6 + 1e-6)
    }
  }
  const ids = new Set(clips.map(({ id }) => id))
  const again = cutter()
    .play(1007.1, 10)
    .filter(({ end }) => end < 1019)
  assert.ok(again.length >= 5 && again.every(({ id }) => ids.has(id)))
})

test('several lengths are cut of the same frames', () => {
  const { play } = cutter({ windows: [SECONDS, SHORT], fps: 6 })
  const clips = play(1000, 10, { fps: 6 })
  const long = clips.filter(({ sampling }) => sampling === SECONDS)
  const short = clips.filter(({ sampling }) => sampling === SHORT)
  assert.ok(long.length >= 6 && short.length >= 8)
  const frames = new Set(short.flatMap((clip) => clip.frames.map(({ shownAs }) => shownAs)))
  const inside = long.slice(1, -1).flatMap((clip) => clip.frames)
  assert.ok(inside.every(({ shownAs }) => frames.has(shownAs)))
})

test('no window reaches over a gap or into another connection', () => {
  const { play } = cutter()
  const clips = [...play(1000, 10), ...play(1009.9, 10, { run: 1 }), ...play(1040, 10, { run: 1 })]
  for (const { start, end } of clips) {
    for (const gap of [1009.8, 1030]) assert.ok(end <= gap + 0.4 || start >= gap - 0.4, `${start} to ${end}`)
  }
  assert.ok(clips.some(({ start }) => start > 1040))
})

test('a wider stride leaves windows out, by number, and counts them', () => {
  const { play, widened } = cutter({ widening: () => 4 })
  const clips = play(1000, 40)
  assert.ok(clips.every(({ index }) => index % 4 === 0))
  assert.equal(clips.length + widened.length, 36)
})

test('what shows nothing new is shown as what was seen before, and a window without anything new is still', () => {
  const { play } = cutter({ isNew: ({ time }) => time < 1010 })
  const clips = play(1000, 20)
  const moving = clips.filter(({ isStill }) => !isStill)
  assert.ok(moving.length > 0 && moving.every(({ start }) => start < 1010))
  const still = clips.filter(({ isStill }) => isStill)
  assert.ok(still.length >= 4)
  for (const { frames } of still) assert.equal(new Set(frames.map(({ shownAs }) => shownAs)).size, 1)
  for (const { frames } of clips) assert.equal(new Set(frames.map(({ time }) => time)).size, 12)
})

test('buffers are used again, whatever frames come when', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 8, noNaN: true }), { minLength: 50, maxLength: 200 }),
      (steps) => {
        const { add, pool, windows } = cutter({ windows: [SECONDS, SHORT] })
        let time = 1000
        for (const [n, step] of steps.entries()) {
          time += n % 3 === 0 ? step : 1 / 3
          for (const clip of add(time)) for (const { pixels } of clip.frames) pool.release(pixels)
        }
        windows.clear()
        const { made } = pool
        for (let n = 0; n < made; n++) pool.allocate(3)
        assert.equal(pool.made, made, 'a buffer was not given back')
        assert.ok(made < 40, `${made} buffers`)
      },
    ),
    { numRuns: 50 },
  )
})
