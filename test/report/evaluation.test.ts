import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConfusionMatrix, confusionSvg } from '../../src/report/confusion.js'
import { type EvaluationPage, type Mistake, renderEvaluation } from '../../src/report/evaluation.js'
import { EVALUATION_STYLES } from '../../src/report/evaluation-styles.js'

const ATTACK = '<img src=x onerror=alert(1)>"\''

async function page(more: Partial<EvaluationPage>, mistakes: readonly Mistake[] = []): Promise<string> {
  const whole: EvaluationPage = {
    ...{ title: 'data', made: new Date('2026-01-02T03:04:05Z'), version: '1.2.3', warnings: [], facts: [] },
    ...{ totals: [], tables: [], classes: [], mistakesTitle: 'The worst', left: [], broken: [] },
    mistakes: (async function* () {
      yield* mistakes
    })(),
    ...more,
  }
  let text = ''
  for await (const piece of renderEvaluation(whole)) text += piece
  return text
}

const gone = { source: ATTACK, similarity: 0.25, strip: { kind: 'missing', why: ATTACK } } as const

describe('the page of an evaluation', () => {
  test('nothing out of names, captions, classes or messages becomes markup', async () => {
    const svg = confusionSvg({ classes: [{ label: ATTACK, count: 1 }], confusion: [[1]] })
    const text = await page(
      {
        ...{ title: ATTACK, warnings: [ATTACK], facts: [[ATTACK, ATTACK]], totals: [[1, ATTACK]] },
        tables: [
          { title: ATTACK, about: ATTACK, head: [ATTACK], rows: [{ cells: [ATTACK], published: true }] },
        ],
        ...{ classes: [{ label: ATTACK, count: 1, top1: 1 }], confusion: svg, mistakesTitle: ATTACK },
        left: [{ name: ATTACK, why: ATTACK }],
        broken: [{ name: ATTACK, why: ATTACK }],
      },
      [
        { kind: 'query', text: ATTACK, place: ATTACK, right: gone, answers: [gone] },
        {
          ...{ kind: 'class', place: ATTACK, video: gone },
          guesses: [{ label: ATTACK, similarity: 0.5, right: true }],
        },
      ],
    )
    assert.ok(text.includes('&lt;img src=x'))
    assert.ok(!text.includes('<img src=x'))
    assert.match(text, /script-src &#39;none&#39;/)
  })

  test('what stands between backticks in a warning is code', async () => {
    const text = await page({ warnings: ['Pull one: `stanflow models pull x`, then <go>.'] })
    assert.match(text, /<p>Pull one: <code>stanflow models pull x<\/code>, then &lt;go&gt;\.<\/p>/)
  })

  test('what must be known to read a table stands below it; a wide picture says that it scrolls', async () => {
    const table = { title: 'Retrieval', head: ['', 'R@1'], rows: [], note: 'Dual softmax knows all queries.' }
    const text = await page({ tables: [table], confusion: '<svg width="720" height="720"></svg>' })
    assert.match(text, /<\/table><\/div><p class="meta note">Dual softmax knows all queries\.<\/p>/)
    assert.match(text, /class="meta scrolls"/)
    assert.doesNotMatch(await page({ confusion: '<svg width="200"></svg>' }), /class="meta scrolls"/)
  })

  test('without mistakes there is no heading for them', async () => {
    assert.doesNotMatch(await page({}), /The worst/)
  })
})

const channels = (colour: string): number[] =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))

const mixed = (colour: string, paper: string, opacity: number): number[] =>
  channels(colour).map((value, n) => opacity * value + (1 - opacity) * (channels(paper)[n] as number))

/** Between two colours, as WCAG 2 has it. */
function contrast(...colours: readonly (readonly number[])[]): number {
  const [light = 0, dark = 0] = colours
    .map((colour) => {
      const linear = colour.map((c) =>
        c <= 0.04045 * 255 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
      )
      return [0.2126, 0.7152, 0.0722].reduce((sum, share, n) => sum + share * (linear[n] as number), 0)
    })
    .sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

describe('the picture of a confusion', () => {
  const matrix = (count: number, at: (truth: number, answer: number) => number): ConfusionMatrix => ({
    classes: Array.from({ length: count }, (_, n) => ({
      label: `class ${n}`,
      count: Array.from({ length: count }, (_, answer) => at(n, answer)).reduce((a, b) => a + b, 0),
    })),
    confusion: Array.from({ length: count }, (_, n) => Array.from({ length: count }, (_, m) => at(n, m))),
  })

  test('a cell for every answer that was given, right and wrong in colours of their own', () => {
    const svg = confusionSvg(
      matrix(3, (truth, answer) => (truth === answer ? 2 : truth === 1 && answer === 2 ? 1 : 0)),
    )
    assert.equal(svg.match(/<title>/g)?.length, 4)
    assert.match(svg, /1 of 3 “class 1” taken for “class 2”/)
    assert.equal(svg.match(/#bf5519/g)?.length, 1)
    assert.equal(svg.match(/class 1<\/text>/g)?.length, 2)
  })

  test('every count can be read on its cell, whatever its share, on light pages, dark ones and on paper', () => {
    const matrixOf = (right: number) => matrix(2, (truth, answer) => (truth === answer ? right : 50 - right))
    const svgs = Array.from({ length: 49 }, (_, n) => n + 1).map((right) => [
      confusionSvg(matrixOf(right)),
      confusionSvg(matrixOf(right), { paper: '#ffffff', ink: '#1d1f22' }),
    ])
    const cells = /fill="(#\w{6})" fill-opacity="([\d.]+)">.*?<text class="count"[^>]* fill="(#\w{6})"/g
    let seen = 0
    for (const [inPage = '', alone = ''] of svgs) {
      for (const [svg, paper, shown] of [
        [inPage, '#f6f6f3', undefined],
        [inPage, '#131416', '#ffffff'],
        [alone, '#ffffff', undefined],
      ] as const) {
        for (const [, fill = '', opacity, ink = ''] of svg.matchAll(cells)) {
          const ratio = contrast(mixed(fill, paper, Number(opacity)), channels(shown ?? ink))
          assert.ok(ratio >= 4.5, `${shown ?? ink} on ${fill} at ${opacity} over ${paper}: ${ratio}`)
          seen++
        }
      }
    }
    assert.equal(seen, 49 * 3 * 4)
    assert.match(EVALUATION_STYLES, /prefers-color-scheme: dark[^@]*\.confusion \.count \{ fill: #fff; \}/)
  })

  test('classes that neither are there nor were answered take no room; many classes go without names', () => {
    const sparse = confusionSvg(matrix(50, (truth, answer) => (truth === answer && truth < 2 ? 1 : 0)))
    assert.deepEqual([sparse.match(/<title>/g)?.length, sparse.includes('class 49')], [2, false])
    const many = confusionSvg(matrix(400, (truth, answer) => (truth === answer ? 1 : 0)))
    assert.equal(many.match(/<title>/g)?.length, 400)
    assert.doesNotMatch(many, /<text/)
  })
})
