import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { writeScenes } from '../../pipelines/scenes.js'
import { openDataSet } from '../../src/datasets/datasets.js'
import { openReader } from '../../src/media/open-reader.js'
import {
  fullCaption,
  isTrueOf,
  plainCaption,
  variedCaption,
  wrongCaption,
} from '../../src/scenes/captions.js'
import { drawing, pose } from '../../src/scenes/draw.js'
import { randomFrom } from '../../src/scenes/random.js'
import { makeScene, type Scene, SPLITS, type Split } from '../../src/scenes/scene.js'
import { taskScenes } from '../../src/scenes/sets.js'
import {
  COLOURS,
  isHeldOut,
  MOTION_NAMES,
  reversed,
  SHAPES,
  UNSEEN_BACKGROUNDS,
} from '../../src/scenes/vocabulary.js'
import { folderWith } from '../config/folder.js'

const many = (split: Split, count = 2000): Scene[] =>
  Array.from({ length: count }, (_, index) => makeScene({ split, seed: 7, index }))

describe('motion scenes', () => {
  test('the same number is the same scene, another seed or split is another', () => {
    const wish = { split: 'train', seed: 1, index: 5 } as const
    assert.deepEqual(makeScene(wish), makeScene(wish))
    assert.notDeepEqual(makeScene(wish), makeScene({ ...wish, seed: 2 }))
    assert.notDeepEqual(makeScene(wish).actors, makeScene({ ...wish, split: 'test' }).actors)
  })

  test('what is held out is in the test alone, and a clip played backwards is not held out either', () => {
    for (const split of ['train', 'validation'] as const) {
      for (const scene of many(split)) {
        assert.equal(scene.heldOut, false)
        assert.ok(!UNSEEN_BACKGROUNDS.includes(scene.background))
        for (const { shape } of scene.actors) assert.ok(!isHeldOut(shape, reversed(scene.motion)))
      }
    }
    const test = many('test')
    assert.ok(test.every(({ background }) => UNSEEN_BACKGROUNDS.includes(background)))
    assert.ok(test.filter(({ heldOut }) => heldOut).length > 300)
  })

  test('training shows every shape and every motion', () => {
    const scenes = many('train')
    for (const motion of MOTION_NAMES)
      assert.ok(
        scenes.some((scene) => scene.motion === motion),
        motion,
      )
    for (const shape of SHAPES)
      assert.ok(
        scenes.some(({ actors }) => actors.some((actor) => actor.shape === shape)),
        shape,
      )
  })

  test('captions are true of their own scene, and captions of other facts are not', () => {
    const random = randomFrom('captions')
    for (const scene of many('validation', 300)) {
      for (const caption of [plainCaption(scene), fullCaption(scene), variedCaption(random, scene, true)])
        assert.ok(isTrueOf(caption.claim, scene), caption.text)
      const backwards = { ...scene, motion: reversed(scene.motion) }
      assert.equal(isTrueOf(fullCaption(scene).claim, backwards), reversed(scene.motion) === scene.motion)
    }
    for (const scene of many('train', 300)) {
      for (const caption of [plainCaption(scene), variedCaption(random, scene, true)]) {
        const wrong = wrongCaption(random, scene, caption)
        assert.equal(isTrueOf(wrong.claim, scene), false, `${wrong.text} for ${caption.text}`)
        assert.equal(wrong.claim.motion, caption.claim.motion)
        const { mentions, motion } = wrong.claim
        const isKept = mentions.some(({ shape }) => motion !== undefined && isHeldOut(shape, motion))
        assert.equal(isKept, false, `${wrong.text} is kept from training`)
      }
    }
    const red = { shape: 'circle', colour: 'red' } as const
    const pair = many('train').find(({ actors }) => actors.length === 2) as Scene
    const [one, two] = pair.actors
    assert.ok(one && two)
    assert.ok(isTrueOf({ mentions: [two, one] }, pair), 'either order')
    assert.ok(isTrueOf({ mentions: [one] }, pair), 'one of two')
    assert.equal(isTrueOf({ mentions: [one, one] }, pair), false, 'one object is not two')
    assert.equal(isTrueOf({ mentions: [red, red] }, pair), false)
  })

  test('objects go where their caption says, and turn the way it says', () => {
    for (const scene of many('train', 600)) {
      const [actor] = scene.actors
      assert.ok(actor)
      const [start, end] = [pose(actor, 0), pose(actor, 1)]
      const facts: Partial<Record<typeof scene.motion, boolean>> = {
        left: end.x < start.x - 0.3,
        right: end.x > start.x + 0.3,
        up: end.y < start.y - 0.3,
        down: end.y > start.y + 0.3,
        grow: end.radius > 2 * start.radius,
        shrink: end.radius < start.radius / 2,
        // y runs down: growing angles turn clockwise.
        clockwise: end.angle > start.angle + 1.5,
        anticlockwise: end.angle < start.angle - 1.5,
        appear: actor.from > 0.2,
        vanish: actor.until < 0.8,
      }
      assert.notEqual(facts[scene.motion], false, scene.motion)
    }
  })

  test('an object is drawn in its colour, where it is', () => {
    const scene = many('train').find(
      ({ motion, actors }) =>
        motion === 'rest' && actors[0]?.texture === 'plain' && actors[0].shape === 'square',
    ) as Scene
    const side = 120
    const picture = new Uint8Array(side * side * 3)
    drawing(scene, side).frame(0.5, picture)
    const [actor] = scene.actors
    assert.ok(actor)
    const at = (Math.round(actor.y * side) * side + Math.round(actor.x * side)) * 3
    assert.deepEqual([...picture.subarray(at, at + 3)], [...COLOURS[actor.colour]])
  })

  test('appearance scenes have a caption each', () => {
    for (const split of SPLITS) {
      const texts = taskScenes('appearance', split, 1, 256).map(({ caption }) => caption.text)
      assert.equal(new Set(texts).size, 256)
    }
  })
})

test('scenes become videos that the readers read, and captions that the evaluation reads', async (t) => {
  const to = await folderWith(t)
  const options = { task: 'motion', split: 'test', seed: 1, count: 4, side: 96, to } as const
  const first = await writeScenes(options)
  assert.deepEqual([first.videos, first.kept], [4, 0])
  const again = await writeScenes(options)
  assert.deepEqual([again.videos, again.kept], [4, 4])
  const { items } = await openDataSet({ data: first.captions })
  assert.equal(items.length, 4)
  const { reader } = await openReader('node-av')
  t.after(() => reader.close())
  for (const { path, captions, label } of items) {
    assert.ok(captions.length === 1 && label)
    const info = await reader.probe(path)
    assert.deepEqual([info.width, info.height, info.timestamps.length], [96, 96, 24])
    assert.ok(Math.abs(info.duration - 2) < 0.05, `${info.duration}`)
  }
  const lines = (await readFile(join(to, 'captions.jsonl'), 'utf8')).trim().split('\n')
  assert.equal(lines.length, 4)
})
