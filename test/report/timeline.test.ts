import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { clock } from '../../src/report/format.js'
import { palette } from '../../src/report/palette.js'
import { rankLabels } from '../../src/report/ranking.js'
import { segments, timeline } from '../../src/report/timeline.js'
import { windows } from './support.js'

suite('a timeline', () => {
  test('draws every clip where it begins, coloured by its best label', () => {
    const { clips } = windows('a.mp4', 3, 'fall')
    const { text } = timeline(clips, palette([{ label: 'fall', clips: 3 }]))
    assert.deepEqual(
      [...text.matchAll(/class="clip (\w+)".*?rect x="([^"]+)" y="1" width="([^"]+)"/g)].map((m) =>
        m.slice(1),
      ),
      [
        ['c0', '0%', '25%'],
        ['c0', '25%', '25%'],
        ['c0', '50%', '50%'],
      ],
    )
    assert.match(text, /aria-label="0:01\.0–0:03\.0 · fall · 75\.0\u00a0%"/)
  })

  test('gathers many clips into steps and tells of the best in each', () => {
    const { clips } = windows('a.mp4', 1000)
    const best = { start: 500, end: 502, labels: [{ label: 'fall', score: 0.99 }] }
    const stretches = segments(
      clips.map((clip, i) => (i === 500 ? best : clip)),
      10,
    )
    assert.equal(stretches.length, 10)
    assert.equal(stretches.filter(({ clip }) => clip === best).length, 1)
    assert.equal(
      stretches.reduce((sum, { clips }) => sum + clips, 0),
      1000,
    )
  })

  test('has stretches that never overlap and leave no clip out', () => {
    const shape = fc.record({
      count: fc.integer({ min: 1, max: 400 }),
      length: fc.double({ min: 0.1, max: 20, noNaN: true }),
      stride: fc.double({ min: 0.1, max: 20, noNaN: true }),
      most: fc.integer({ min: 1, max: 50 }),
    })
    fc.assert(
      fc.property(shape, ({ count, length, stride, most }) => {
        const clips = Array.from({ length: count }, (_, i) => {
          return { start: i * stride, end: i * stride + length, labels: [] }
        })
        const stretches = segments(clips, most)
        assert.ok(stretches.length <= Math.max(1, most))
        assert.equal(
          stretches.reduce((sum, { clips }) => sum + clips, 0),
          count,
        )
        stretches.forEach(({ from, to }, i) => {
          assert.ok(from < to)
          assert.ok(to <= (stretches[i + 1]?.from ?? Number.POSITIVE_INFINITY))
        })
      }),
    )
  })
})

suite('a ranking of labels', () => {
  test('takes each label at its best moment and counts where it leads', () => {
    const at = (start: number, run: number, sit: number) => ({
      start,
      end: start + 1,
      labels: [
        { label: 'run', score: run },
        { label: 'sit', score: sit },
      ].sort((a, b) => b.score - a.score),
    })
    const ranked = rankLabels([at(0, 0.6, 0.4), at(1, 0.2, 0.8), at(2, 0.7, 0.3)])
    assert.deepEqual(
      ranked.map(({ label, score, leads, best }) => [label, score, leads, best.start]),
      [
        ['sit', 0.8, 1, 1],
        ['run', 0.7, 2, 2],
      ],
    )
  })
})

suite('a time', () => {
  test('reads m:ss.s and never shows sixty seconds', () => {
    assert.deepEqual([0, 9.96, 59.94, 59.96, 3599.99, 3661.5].map(clock), [
      ...['0:00.0', '0:10.0', '0:59.9', '1:00.0', '1:00:00.0', '1:01:01.5'],
    ])
  })
})
