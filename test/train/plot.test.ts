import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import sharp from 'sharp'
import { trainingPlot } from '../../pipelines/training-plot.js'
import { plotSvg } from '../../src/train/plot.js'
import { folderWith } from '../config/folder.js'
import { failsWith } from './fails-with.js'

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

const numbers = (svg: string): string[] =>
  [...svg.matchAll(/<text x="54" [^>]*>([\d.e-]+)<\/text>/g)].map(([, text]) => text as string)

test('a few losses far above the others are cut, and the title says so', () => {
  const lines = Array.from({ length: 1000 }, (_, n) => ({ total: n + 1, stage: 's', loss: n < 3 ? 90 : 2 }))
  assert.match(plotSvg(lines), />Loss, cut at 2(\.\d+)? \(up to 90\)</)
  assert.match(plotSvg(lines.slice(3)), />Loss</)
})

test('ticks of small losses are told apart', () => {
  const lines = [1, 2, 3].map((total) => ({ total, stage: 'a', loss: 0.0002 * total }))
  assert.deepEqual(numbers(plotSvg(lines)), ['0', '0.0001', '0.0002', '0.0003', '0.0004', '0.0005'])
  const still = plotSvg([{ total: 1, stage: 'a', loss: 0 }])
  assert.doesNotMatch(still, /NaN/)
})

test('steps whose loss is no number are marked, and the curve is broken there', () => {
  const losses = [4, 3, null, null, 2, 1, null]
  const svg = plotSvg(losses.map((loss, n) => ({ total: n + 1, stage: 'a', loss })))
  assert.match(svg, />loss is no number in 3 steps, the first: 3</)
  const bands = [...svg.matchAll(/<rect x="([\d.]+)" y="44" width="([\d.]+)"/g)].map(([, x, width]) => [
    Number(x),
    Number(width),
  ])
  // 770 pixels for 7 steps, from 62.
  assert.deepEqual(bands, [
    [282, 220],
    [722, 110],
  ])
  const lines = [...svg.matchAll(/<polyline points="([^"]*)"[^>]*stroke-width="2"/g)]
  assert.deepEqual(
    lines.map(([, points = '']) => points.split(' ').map((point) => Number(point.split(',')[0]))),
    [
      [172, 282],
      [612, 722],
    ],
  )
  assert.doesNotMatch(plotSvg([{ total: 1, stage: 'a', loss: 1 }]), /no number/)
})

test('a plot is a picture of the kind that its name says, whatever is in the way', async (t) => {
  const folder = await folderWith(t, {
    'log.jsonl': '{"total":1,"stage":"a","loss":1}\n{"total":2,"stage":"a","loss":0.5}\n',
  })
  const log = join(folder, 'log.jsonl')
  await trainingPlot(join(folder, 'curve.PNG'), log)()
  const { format, width, height } = await sharp(join(folder, 'curve.PNG')).metadata()
  assert.deepEqual([format, width, height], ['png', 1720, 1240])
  const { channels } = await sharp(join(folder, 'curve.PNG')).stats()
  assert.ok(channels.some(({ min, max }) => min < 100 && max === 255))
  await trainingPlot(join(folder, 'made', 'curve.svg'), log)()
  assert.match(await readFile(join(folder, 'made', 'curve.svg'), 'utf8'), /^<svg .*/)
  const wrong = Promise.resolve().then(() => trainingPlot(join(folder, 'curve.pdf'), log))
  await failsWith(wrong, 'USAGE_INVALID', /curve\.pdf: a plot is an \.svg or a \.png/)
})

test('a run that has not begun has an empty picture', () => {
  assert.match(plotSvg([]), /^<svg [\s\S]*<\/svg>\n$/)
  assert.doesNotMatch(plotSvg([]), /NaN|undefined|polyline/)
})
