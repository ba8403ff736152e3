import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackfillSummary } from '../../pipelines/backfill.js'
import { summaryJson, summaryText } from '../../src/cli/summary.js'
import type { DeadLetter } from '../../src/connect/store.js'

const SUMMARY: BackfillSummary = {
  found: 1100,
  listed: true,
  relabelled: 0,
  skipped: 100,
  done: 1000,
  failed: 0,
  clips: 1000,
  frames: 12_000,
  fetchedBytes: 0,
  seconds: 50,
  to: 'out',
  modelDigest: 'abc',
  model: 'default + stan-self',
  engine: 'onnxruntime',
  reader: 'ffmpeg',
  drained: false,
  dryRun: false,
  deadLetterFile: 'out/dead-letter.jsonl',
  deadLetters: [],
  notes: [],
}

const letter = (source: string, code: string): DeadLetter => ({
  source,
  path: `/${source}`,
  code,
  message: `${source} is bad.`,
  hint: `hint of ${code}`,
  clipsStored: 0,
  attempts: 1,
  firstFailedAt: '2026-01-01T00:00:00Z',
  lastFailedAt: '2026-01-01T00:00:00Z',
})

test('the summary counts, times and places, with numbers in a column', () => {
  assert.deepEqual(summaryText(SUMMARY, 'out/report.html').split('\n'), [
    'found     1,100  videos',
    'done      1,000',
    'skipped     100  done before',
    'failed        0',
    'clips     1,000  20.0 clips/s',
    'frames   12,000  240 frames/s',
    'time        50s',
    'where    out',
    'report   out/report.html',
  ])
})

test('failures are grouped by code, most first, with ten examples, the hint and what to do', () => {
  const deadLetters = [
    letter('silent.mp4', 'MEDIA_NO_VIDEO_STREAM'),
    ...Array.from({ length: 12 }, (_, n) => letter(`e${n}.mp4`, 'INPUT_EMPTY')),
  ]
  const text = summaryText({ ...SUMMARY, failed: 13, deadLetters })
  assert.match(text, /INPUT_EMPTY {2}12 videos: hint of INPUT_EMPTY\n {2}e0\.mp4 {2}e0\.mp4 is bad\./)
  assert.match(text, / {2}e9\.mp4 .*\n {2}and 2 more\nMEDIA_NO_VIDEO_STREAM {2}1 video:/)
  assert.doesNotMatch(text, /e10\.mp4/)
  assert.match(
    text,
    /all of them: out\/dead-letter\.jsonl\nonce they are repaired or replaced, the same command/,
  )
})

test('a retry is offered where one may help', () => {
  const deadLetters = [letter('bad.mp4', 'MEDIA_DECODE'), letter('slow.mp4', 'MEDIA_TIMEOUT')]
  assert.match(summaryText({ ...SUMMARY, failed: 2, deadLetters }), /\nretry: run the same command again/)
})

test('a run that a signal ended says so, and notes are not lost', () => {
  const text = summaryText({ ...SUMMARY, drained: true, notes: ['Labels mean nothing.'] })
  assert.match(text, /Stopped early; the same command goes on/)
  assert.match(text, /note: Labels mean nothing\.$/)
})

test('the JSON holds every count and the rates, also for a run of no time', () => {
  const { clipsPerSecond, framesPerSecond, ...rest } = JSON.parse(summaryJson(SUMMARY))
  assert.deepEqual([clipsPerSecond, framesPerSecond], [20, 240])
  assert.deepEqual(rest, SUMMARY)
  assert.equal(JSON.parse(summaryJson({ ...SUMMARY, seconds: 0, clips: 0 })).clipsPerSecond, 0)
})
