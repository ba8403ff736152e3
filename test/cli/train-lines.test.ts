import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CountRate } from '../../src/cli/rates.js'
import { resumedLine, TrainLines } from '../../src/cli/train-lines.js'

test('rate and rest are of this run, not of what was there before it', () => {
  const rate = new CountRate('clips')
  assert.equal(rate.tell(250, 1000, 100), 'ETA …')
  assert.equal(rate.tell(275, 1000, 105), '5.00 clips/s  ETA 2m25s')
  assert.equal(rate.tell(375, 1000, 115), '10.0 clips/s  ETA 1m15s')
})

test('lines of training say how far, how fast and how long, each set and run for itself', () => {
  const lines = new TrainLines()
  assert.match(lines.clips('train', 250, 1000), /^█{5}░{15} train: 250 of 1,000 clips made {2}ETA …$/)
  assert.match(lines.clips('train', 500, 1000), /clips made {2}[\d.,]+ clips\/s {2}ETA /)
  assert.match(lines.clips('pictures', 500, 1000), /made {2}ETA …$/)
  const about = { stage: 'motions', steps: 4, totalSteps: 8, loss: 1.5, parts: {}, rate: 1, gradient: 1 }
  assert.match(
    lines.step({ ...about, step: 1, total: 5 }, 'self-1'),
    / self-1: motions 1 of 4 {2}loss 1\.500 {2}ETA …$/,
  )
  assert.match(lines.step({ ...about, step: 2, total: 6 }, 'self-1'), / [\d.,]+ steps\/s {2}ETA /)
  const trial = {
    seed: 7,
    appearance: 0.5,
    motion: 0.4,
    order: 0.625,
    parameters: 1234,
    steps: 9,
    seconds: 75,
  }
  assert.equal(
    lines.trial('no time', trial),
    'no-time-7: appearance R@1 50.0 %, motion top-1 40.0 %, order pairs 62.5 %  (1,234 parameters, 1m15s)',
  )
  assert.equal(
    resumedLine({ stage: 'motions', step: 4, steps: 6 }),
    'going on at step 4 of 6 (stage motions)',
  )
})
