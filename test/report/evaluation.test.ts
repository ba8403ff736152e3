import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ConfusionMatrix, confusionSvg } from '../../src/report/confusion.js'
import { type EvaluationPage, type Mistake, renderEvaluation } from '../../src/report/evaluation.js'

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

  test('without mistakes there is no heading for them', async () => {
    assert.doesNotMatch(await page({}), /The worst/)
  })
})

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
    assert.equal(svg.match(/#c2571b/g)?.length, 1)
    assert.equal(svg.match(/class 1<\/text>/g)?.length, 2)
  })

  test('classes that neither are there nor were answered take no room; many classes go without names', () => {
    const sparse = confusionSvg(matrix(50, (truth, answer) => (truth === answer && truth < 2 ? 1 : 0)))
    assert.deepEqual([sparse.match(/<title>/g)?.length, sparse.includes('class 49')], [2, false])
    const many = confusionSvg(matrix(400, (truth, answer) => (truth === answer ? 1 : 0)))
    assert.equal(many.match(/<title>/g)?.length, 400)
    assert.doesNotMatch(many, /<text/)
  })
})
