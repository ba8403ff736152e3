import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawing } from '../../src/scenes/draw.js'
import { makeScene, type Scene } from '../../src/scenes/scene.js'
import { isHeldOut, MOTION_NAMES, ORIENTED, SHAPES, type Shape } from '../../src/scenes/vocabulary.js'
import { mirror } from '../../src/train/augment.js'
import { BEARINGS, bearingOf, countedMotions } from '../../src/train/targets.js'

const size = 48
const [template] = Array.from({ length: 200 }, (_, index) =>
  makeScene({ split: 'train', seed: 1, index, motions: ['rest'], pairs: 0 }),
)

/** One large plain object in the middle of a plain picture. */
function scene(shape: Shape, angle: number): Scene {
  const [actor] = (template as Scene).actors
  assert.ok(actor)
  const plain = { shape, angle, texture: 'plain', colour: 'black', x: 0.5, y: 0.5, radius: 0.4 } as const
  const white = [255, 255, 255] as const
  return {
    ...(template as Scene),
    actors: [{ ...actor, ...plain }],
    background: 'flat',
    palette: [white, white],
  }
}

function picture(shown: Scene, mirrored: boolean): Uint8Array {
  const pixels = new Uint8Array(size * size * 3)
  drawing(shown, size).frame(0, pixels)
  if (mirrored) mirror({ pixels, at: 0, count: 1, size })
  return pixels
}

const difference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0)

test('which way up an object is holds in the mirror too: it looks like the one drawn that way up', () => {
  for (const shape of ORIENTED) {
    const angles = Array.from({ length: BEARINGS }, (_, k) => ((k + 0.5) / BEARINGS) * 2 * Math.PI)
    const drawn = angles.map((angle) => picture(scene(shape, angle), false))
    for (const [k, angle] of angles.entries()) {
      assert.equal(bearingOf(scene(shape, angle), 0, false), k)
      assert.equal(bearingOf(scene(shape, angle - 4 * Math.PI), 0, false), k, 'whole turns do not count')
      const seen = picture(scene(shape, angle), true)
      const off = drawn.map((one) => difference(one, seen))
      const nearest = off.indexOf(Math.min(...off))
      assert.equal(bearingOf(scene(shape, angle), 0, true), nearest, `${shape} at ${k}, mirrored`)
    }
  }
})

test('what looks the same all around, or is one of two, has no such mark', () => {
  assert.equal(bearingOf(scene('ring', 1), 0, false), undefined)
  const two = scene('arrow', 1)
  assert.equal(bearingOf({ ...two, actors: [...two.actors, ...two.actors] }, 0, false), undefined)
})

test('a motion that training never shows with a shape is no negative of it; its own motion always counts', () => {
  const scenes = Array.from({ length: 300 }, (_, index) => makeScene({ split: 'train', seed: 2, index }))
  const { rows, columns, data } = countedMotions(scenes)
  assert.deepEqual([rows, columns], [300, MOTION_NAMES.length])
  const left = new Set<string>()
  for (const [n, { actors, motion: own }] of scenes.entries()) {
    for (const [m, motion] of MOTION_NAMES.entries()) {
      const kept = actors.filter(({ shape }) => isHeldOut(shape, motion))
      assert.equal(data[n * columns + m], kept.length > 0 ? 0 : 1, `${motion} for ${actors[0]?.shape}`)
      for (const { shape } of kept) left.add(`${shape} ${motion}`)
    }
    assert.equal(data[n * columns + MOTION_NAMES.indexOf(own)], 1)
  }
  const all = SHAPES.flatMap((shape) => MOTION_NAMES.filter((motion) => isHeldOut(shape, motion)))
  assert.equal(left.size, all.length, 'every combination came up')
})
