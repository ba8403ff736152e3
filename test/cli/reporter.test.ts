import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { BackfillProgress } from '../../pipelines/backfill.js'
import { JsonReporter } from '../../src/cli/events.js'
import { progressReporter } from '../../src/cli/progress.js'
import type { About, Reporter } from '../../src/cli/reporter.js'

const ABOUT: About = {
  model: 'default + stan-self',
  modelDigest: 'sha256:0123456789abcdef',
  engine: 'onnx (CPU)',
  reader: 'ffmpeg',
  notes: ['Labels mean nothing.'],
}

const at = (seconds: number): BackfillProgress => {
  const done = Math.floor(seconds)
  return {
    found: 20,
    listed: true,
    skipped: 0,
    done,
    failed: 0,
    clips: done,
    frames: done * 12,
    fetchedBytes: 0,
    seconds,
  }
}

/** Eleven and a half seconds of reports, five a second. */
function work(reporter: Reporter): void {
  reporter.started(ABOUT)
  for (let tick = 0; tick <= 57; tick++) reporter.progress(at(tick / 5))
}

const written = (out: PassThrough): string => String(out.read() ?? '')

test('into a log goes a line every five seconds, and a last one', () => {
  const out = new PassThrough()
  const reporter = progressReporter(out)
  work(reporter)
  reporter.end()
  reporter.end()
  const lines = written(out).trimEnd().split('\n')
  assert.equal(lines[0], 'model default + stan-self (0123456789ab) on onnx (CPU), reader ffmpeg')
  assert.equal(lines[1], 'note: Labels mean nothing.')
  assert.deepEqual(
    lines.slice(2).map((line) => line.split('  ')[0]),
    ['5/20 videos', '10/20 videos', '11/20 videos'],
  )
})

test('a log tells of a signal when it comes', () => {
  const out = new PassThrough()
  const reporter = progressReporter(out)
  reporter.progress(at(1))
  reporter.stopping()
  reporter.end()
  const [first, second] = written(out).split('\n')
  assert.match(first ?? '', /once more stops at once/)
  assert.match(second ?? '', /stopping$/)
})

test('a terminal has two lines drawn over, and nothing of them stays, nor a hidden cursor', () => {
  const out = Object.assign(new PassThrough(), { isTTY: true, columns: 60 })
  const before = process.listenerCount('exit')
  const reporter = progressReporter(out)
  work(reporter)
  assert.equal(process.listenerCount('exit'), before + 1, 'the cursor comes back however the process ends')
  reporter.end()
  assert.equal(process.listenerCount('exit'), before)
  const text = written(out)
  assert.equal(text.split('\u001B[?25l').length, 2)
  assert.ok(text.endsWith('\u001B[1A\r\u001B[J\u001B[?25h'))
  // Each drawing goes up by the one line that the drawing before went down.
  assert.equal(text.split('\u001B[1A').length - 1, 58)
  assert.equal(text.split('\n').length - 1, 2 + 58)
})

test('machines get one object a line', () => {
  const out = new PassThrough()
  const reporter = new JsonReporter(out)
  work(reporter)
  reporter.stopping()
  reporter.end()
  const events = written(out)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(events[0], { event: 'started', ...ABOUT })
  assert.deepEqual(events.at(-1), { event: 'stopping' })
  const progress = events.filter(({ event }) => event === 'progress')
  assert.deepEqual(
    progress.map(({ done }) => done),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  )
  assert.ok(progress.at(-1).clipsPerSecond > 0.9 && progress.at(-1).eta > 0)
})
