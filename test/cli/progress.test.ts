import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { BackfillProgress } from '../../pipelines/backfill.js'
import { formatBytes, formatDuration, formatRate, printable, table } from '../../src/cli/format.js'
import { bar, drawnLines, plainLine } from '../../src/cli/progress-lines.js'
import { type Pace, Rates } from '../../src/cli/rates.js'

const START: BackfillProgress = {
  found: 0,
  listed: false,
  skipped: 0,
  done: 0,
  failed: 0,
  clips: 0,
  frames: 0,
  fetchedBytes: 0,
  seconds: 0,
}
const MIDDLE: BackfillProgress = {
  found: 1200,
  listed: true,
  skipped: 100,
  done: 540,
  failed: 10,
  clips: 5400,
  frames: 64_800,
  fetchedBytes: 0,
  seconds: 142,
}
const PACE: Pace = { clipsPerSecond: 38.04, framesPerSecond: 456.5, eta: 141.2 }
const look = { width: 100, colour: false, stopping: false }

test('numbers have the digits that people can use', () => {
  assert.deepEqual([0, 0.04, 3, 9.96, 42.4, 125, 3599.7, 3840, 270_000].map(formatDuration), [
    '0s',
    '0.0s',
    '3s',
    '10s',
    '42s',
    '2m05s',
    '1h00m',
    '1h04m',
    '3d03h',
  ])
  assert.deepEqual([0, 0.417, 8.306, 9.996, 38.24, 99.96, 1204.4].map(formatRate), [
    '0.00',
    '0.42',
    '8.31',
    '10.0',
    '38.2',
    '100',
    '1,204',
  ])
  assert.deepEqual([0, 999, 1000, 3_140_000].map(formatBytes), ['0 bytes', '999 bytes', '1.0 kB', '3.1 MB'])
})

test('a bar grows by eighths of a column and never leaves its width', () => {
  assert.deepEqual(
    [0, 0.5, 1, 1.5, Number.NaN].map((fraction) => bar(fraction, 4)),
    ['░░░░', '██░░', '████', '████', '░░░░'],
  )
  assert.equal(bar(1 / 32, 4), '▏░░░')
})

test('the drawn lines say how far, how fast and how long', () => {
  const [first, second] = drawnLines(MIDDLE, PACE, look)
  assert.match(first, /^█{15}░{15} 550\/1,100 videos {2}10 failed {2}100 skipped$/)
  assert.equal(second, '38.0 clips/s  ETA 2m22s  457 frames/s  2m22s so far')
})

test('while videos are being listed, the total is open and there is no ETA', () => {
  const [first, second] = drawnLines(
    { ...MIDDLE, listed: false },
    { clipsPerSecond: 1, framesPerSecond: 12 },
    look,
  )
  assert.match(first, /550\/1,100… videos/)
  assert.match(second, /still listing/)
})

test('where earlier runs did it all, no rate is told', () => {
  const progress = { ...START, found: 256, skipped: 256, listed: true, seconds: 0.2 }
  const pace = { clipsPerSecond: 0, framesPerSecond: 0 }
  assert.deepEqual(drawnLines(progress, pace, { ...look, width: 60 }), [
    `${'█'.repeat(20)} 0/0 videos  256 skipped`,
    'nothing left to do',
  ])
  assert.equal(plainLine(progress, pace), '256 videos skipped  nothing left to do')
})

test('no width is too narrow: lines lose their least needed parts and never wrap', () => {
  for (let width = 1; width <= 120; width++) {
    for (const line of drawnLines(MIDDLE, PACE, { ...look, width })) {
      assert.ok(line.length < Math.max(width, 1) || line === '', `${width} columns: "${line}"`)
    }
  }
  const [first, second] = drawnLines(MIDDLE, PACE, { ...look, width: 37 })
  assert.match(first, /550\/1,100 videos$/)
  assert.equal(second, '38.0 clips/s  ETA 2m22s')
})

test('colour marks failures and takes no columns', () => {
  const [plain] = drawnLines(MIDDLE, PACE, look)
  const [coloured] = drawnLines(MIDDLE, PACE, { ...look, colour: true })
  assert.ok(coloured.includes('\u001B[31m10 failed'))
  assert.equal(stripVTControlCharacters(coloured), plain)
})

test('a line for a log holds everything, and what a signal did', () => {
  assert.equal(
    plainLine(MIDDLE, PACE),
    '550/1,100 videos  10 failed  100 skipped  5,400 clips  38.0 clips/s  457 frames/s  2m22s so far  ETA 2m22s',
  )
  assert.match(plainLine(MIDDLE, PACE, true), /stopping$/)
})

test('speed is that of the last ten seconds, not of the whole run', () => {
  const rates = new Rates()
  for (let seconds = 0; seconds <= 60; seconds += 0.2) {
    // Nothing for half a minute, then ten clips a second.
    const clips = Math.max(0, seconds - 30) * 10
    const { clipsPerSecond, framesPerSecond } = rates.add({ ...START, seconds, clips, frames: clips * 12 })
    if (seconds < 30) assert.equal(clipsPerSecond, 0)
    if (seconds > 41) {
      assert.ok(Math.abs(clipsPerSecond - 10) < 0.01, `${clipsPerSecond} at ${seconds}`)
      assert.ok(Math.abs(framesPerSecond - 120) < 0.1)
    }
  }
})

test('ETA counts the videos left at the pace of those done; skipped ones cost nothing', () => {
  const rates = new Rates()
  let eta: number | undefined
  for (let seconds = 0; seconds <= 50; seconds++) {
    const pace = rates.add({
      ...START,
      seconds,
      found: 1100,
      listed: seconds > 5,
      skipped: 1000,
      done: seconds,
    })
    if (seconds <= 5) assert.equal(pace.eta, undefined)
    eta = pace.eta
  }
  assert.ok(eta !== undefined && Math.abs(eta - 50) < 1e-9)
})

test('ETA follows a change of pace within two minutes', () => {
  const rates = new Rates()
  let eta: number | undefined
  for (let seconds = 0; seconds <= 1000; seconds++) {
    const done = seconds <= 600 ? seconds : 600 + (seconds - 600) * 4
    eta = rates.add({ ...START, seconds, found: 3000, listed: true, done }).eta
  }
  assert.ok(eta !== undefined && Math.abs(eta - 800 / 4) < 1)
})

test('columns are as wide as their widest cell', () => {
  const rows = [
    ['a', '1', 'x'],
    ['long', '1,000', ''],
  ]
  assert.deepEqual(table(rows, [1]), ['a         1  x', 'long  1,000'])
})

test('names cannot steer the terminal', () => {
  assert.equal(printable('a\u001B[2Jb\nc\u202Egpj.mp4'), 'a\uFFFD[2Jb\uFFFDc\uFFFDgpj.mp4')
  assert.equal(printable('Größe 東京 🎬.mp4'), 'Größe 東京 🎬.mp4')
})
