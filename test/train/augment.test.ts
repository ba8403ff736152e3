import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { randomFrom } from '../../src/scenes/random.js'
import { MOTION_NAMES, MOTIONS } from '../../src/scenes/vocabulary.js'
import { HANDED, mirror, randomWindow, zoom } from '../../src/train/augment.js'

const size = 8

/** Two frames behind a few bytes that are none of theirs, of a value that `of` gives at every place. */
function frames(of: (x: number, y: number, c: number, t: number) => number) {
  const at = 5
  const pixels = new Uint8Array(at + 2 * size * size * 3)
  pixels.fill(77, 0, at)
  for (let i = 0; i < pixels.length - at; i++) {
    const [c, x] = [i % 3, Math.floor(i / 3) % size]
    const y = Math.floor(i / (3 * size)) % size
    pixels[at + i] = of(x, y, c, Math.floor(i / (3 * size * size)))
  }
  return { pixels, at, count: 2, size }
}

describe('what training does to frames', () => {
  test('a mirror exchanges left and right, and nothing else', () => {
    const shown = frames((x, y, c, t) => x * 20 + y * 2 + c * 7 + t)
    mirror(shown)
    assert.deepEqual(shown.pixels, frames((x, y, c, t) => (size - 1 - x) * 20 + y * 2 + c * 7 + t).pixels)
  })

  test('a window enlarged shows what was there: a slope stays a slope, flatter by the zoom', () => {
    const shown = frames((x, y, c) => 10 + x * 12 + y * 6 + c)
    const window = { left: 0.25, top: 0.25, side: 0.5 }
    zoom(shown, window)
    // The middle of pixel i lies at (i + 0.5) / size of the window; no pixel of this window needs one from outside.
    const place = (i: number, from: number): number => from * size + (i + 0.5) * window.side - 0.5
    const expected = frames((x, y, c) =>
      Math.round(10 + place(x, window.left) * 12 + place(y, window.top) * 6 + c),
    )
    assert.deepEqual(shown.pixels, expected.pixels)
  })

  test('the whole picture as the window changes nothing', () => {
    const shown = frames((x, y, c, t) => (x * 31 + y * 17 + c * 5 + t * 3) % 256)
    const before = shown.pixels.slice()
    zoom(shown, { left: 0, top: 0, side: 1 })
    assert.deepEqual(shown.pixels, before)
  })

  test('windows lie in the picture, and are as small as they may be at times', () => {
    const random = randomFrom('windows')
    const drawn = Array.from({ length: 500 }, () => randomWindow(random, 0.6))
    for (const { left, top, side } of drawn)
      assert.ok(side >= 0.6 && left >= 0 && top >= 0 && left + side <= 1 && top + side <= 1)
    assert.ok(drawn.some(({ side }) => side < 0.63) && drawn.some(({ side }) => side > 0.97))
  })

  test('no motion is mirrored whose words tell a side', () => {
    for (const motion of MOTION_NAMES) {
      const told = MOTIONS[motion].some((words) => /left|right|clockwise/.test(words))
      assert.equal(HANDED.includes(motion), told, motion)
    }
  })
})
