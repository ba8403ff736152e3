import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MotionGate } from '../../operators/live/motion-gate.js'
import { changes, SCRIPT, SECONDS, STILL_SCENE } from '../support/still-scene.js'
import { VideoFolder } from '../support/videos.js'

const OPTIONS = { threshold: 6, hold: 1, refresh: 60 }
const FPS = 3

let videos: VideoFolder
before(async () => {
  videos = await VideoFolder.make()
})
after(() => videos.remove())

describe('a mostly still scene', () => {
  test('costs little, and nothing that happens is missed', async (t) => {
    const samples = await changes(await videos.render('still.mp4', STILL_SCENE), FPS)
    assert.ok(Math.abs(samples.length - FPS * SECONDS) <= FPS, `${samples.length} frames`)
    const gate = new MotionGate(OPTIONS)
    const seen = samples.map(({ time, change }) => ({ time, isNew: gate.isNew({ run: 0, time, change }) }))
    for (const { what, from, to } of SCRIPT) {
      const during = seen.filter(({ time }) => time >= from && time < to)
      assert.ok(during.length > 0 && during[0]?.isNew, `${what}: its first frame is let through`)
    }
    const still = samples.filter(({ time }) => SCRIPT.every(({ from, to }) => time < from || time > to + 4))
    const loudest = Math.max(...still.map(({ change }) => change))
    const { frames, gated } = gate.facts
    t.diagnostic(`${gated} of ${frames} frames (${Math.round((100 * gated) / frames)} %) cost no inference`)
    t.diagnostic(`noise, daylight and keyframes come to ${loudest.toFixed(1)} of ${OPTIONS.threshold}`)
    assert.ok(loudest < OPTIONS.threshold, `${loudest}`)
    assert.ok(gated / frames > 0.4, `${gated} of ${frames}`)
  })
})

describe('a motion gate', () => {
  const still = (time: number, run = 0) => ({ run, time, change: 0 })

  test('lets frames through for a while after a change, and one now and then', () => {
    const gate = new MotionGate({ threshold: 8, hold: 1, refresh: 10 })
    const times = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
    assert.ok(gate.isNew(still(0)))
    assert.deepEqual(
      times(1, 25).filter((time) => gate.isNew(still(time))),
      [1, 11, 21],
    )
    assert.ok(gate.isNew({ run: 0, time: 25, change: 8 }))
    assert.deepEqual(
      times(26, 30).filter((time) => gate.isNew(still(time))),
      [26],
    )
    assert.deepEqual(gate.facts, { frames: 30, gated: 24 })
  })

  test('takes a new connection, and what nobody measured, for new', () => {
    const gate = new MotionGate({ threshold: 8, hold: 0.1, refresh: 100 })
    assert.ok(gate.isNew(still(0)))
    assert.ok(!gate.isNew(still(1)))
    assert.ok(gate.isNew(still(2, 1)))
    assert.ok(!gate.isNew(still(3, 1)))
    assert.ok(gate.isNew({ run: 1, time: 4 }))
  })
})
