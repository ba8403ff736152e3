import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plotSvg } from '../../src/train/plot.js'

/** Numbers of a polyline with this stroke, in pairs. */
function curve(svg: string, colour: string, width: string): number[][] {
  const found = [
    ...svg.matchAll(/<polyline points="([^"]*)" fill="none" stroke="([^"]*)"[^>]*stroke-width="([^"]*)"/g),
  ]
  const [, points = ''] = found.find(([, , stroke, wide]) => stroke === colour && wide === width) ?? []
  return points.split(' ').map((point) => point.split(',').map(Number))
}

test('curves lie where the log says, on the scale that is written beside them', () => {
  const svg = plotSvg([
    { total: 1, stage: 'a & b', loss: 4 },
    { total: 2, stage: 'a & b', loss: 2, scores: { appearance: 0.25 } },
    { total: 3, stage: 'next', loss: 1 },
    { total: 4, stage: 'next', loss: 3, scores: { appearance: 0.5, motion: 1, order: 0 } },
  ])
  const labels = new Map(
    [...svg.matchAll(/<text x="54" y="([\d.]+)" text-anchor="end">([\d.]+)( %)?<\/text>/g)].map(
      ([, y, value, percent]) => [`${value}${percent ?? ''}`, Number(y) - 4],
    ),
  )
  const height = (y: number, top: number, unit: string): number => {
    const [low, high] = [labels.get(`0${unit}`) as number, labels.get(`${top}${unit}`) as number]
    return (top * (low - y)) / (low - high)
  }
  const near = (actual: readonly number[], expected: readonly number[]): void => {
    assert.equal(actual.length, expected.length)
    for (const [i, value] of actual.entries())
      assert.ok(Math.abs(value - (expected[i] as number)) < 0.05, `${actual}, not ${expected}`)
  }
  const losses = curve(svg, '#30638e', '0.7')
  near(
    losses.map(([, y]) => height(y as number, 5, '')),
    [4, 2, 1, 3].map((loss) => Math.min(loss, 5)),
  )
  // Even steps apart; the smoothed curve begins anew with a stage.
  const [a = 0, b = 0, c = 0] = losses.map(([x]) => x as number)
  assert.ok(Math.abs(b - a - (c - b)) < 0.05 && b > a)
  near(
    curve(svg, '#30638e', '2').map(([, y]) => height(y as number, 5, '')),
    [4, (4 * 0.98 + 2) / 1.98, 1, (1 * 0.98 + 3) / 1.98],
  )
  near(
    curve(svg, '#00798c', '2').map(([, y]) => height(y as number, 100, ' %')),
    [25, 50],
  )
  near(
    curve(svg, '#d1495b', '2').map(([, y]) => height(y as number, 100, ' %')),
    [100],
  )
  assert.match(svg, />a &amp; b</)
})

test('a run that has not begun has an empty picture', () => {
  assert.match(plotSvg([]), /^<svg [\s\S]*<\/svg>\n$/)
  assert.doesNotMatch(plotSvg([]), /NaN|undefined|polyline/)
})
