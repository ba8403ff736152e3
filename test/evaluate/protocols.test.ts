import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { DataItem, DataSet } from '../../src/datasets/dataset.js'
import { compareAll, compareViews } from '../../src/evaluate/compare.js'
import type { Retrieval } from '../../src/evaluate/metrics.js'
import { queriesOf } from '../../src/evaluate/queries.js'
import { type RetrievalScores, score } from '../../src/evaluate/score.js'
import type { CaptionVectors, ItemVectors } from '../../src/evaluate/vector-cache.js'
import { MUG_SHARPNESS } from '../../src/model/similarity/mug.js'
import { SIMILARITY_NAMES } from '../../src/model/similarity/similarities.js'

const SCALE = 20
const [DIM, FRAMES, PADDED] = [4, 3, 6]

/** A video with captions, and vectors of both. */
interface Case {
  readonly item: DataItem
  readonly video: ItemVectors
  readonly captions: readonly (readonly [string, CaptionVectors])[]
}

/** Few different coordinates, so that many similarities are equal. */
const coordinate = fc.integer({ min: -1, max: 1 })
const unit = fc
  .array(coordinate, { minLength: DIM, maxLength: DIM })
  .map((values) => (values.every((x) => x === 0) ? [1, 0, 0, 0] : values))
  .map((values) => Float32Array.from(values, (x) => x / Math.hypot(...values)))
const shares = (count: number) =>
  fc
    .array(fc.integer({ min: 1, max: 3 }), { minLength: count, maxLength: count })
    .map((parts) => Float32Array.from(parts, (x) => x / parts.reduce((a, b) => a + b, 0)))
const joined = (count: number) =>
  fc
    .array(unit, { minLength: count, maxLength: count })
    .map((all) => Float32Array.from(all.flatMap((x) => [...x])))

const caption = fc
  .integer({ min: 1, max: PADDED })
  .chain((count) => fc.record({ text: unit, tokens: joined(count), weights: shares(count) }))
const video = fc.record({
  views: fc.array(unit, { minLength: 3, maxLength: 3 }),
  frames: joined(FRAMES),
  weights: shares(FRAMES),
  times: fc.constant([0, 1, 2]),
})

/** Several captions a video. The same words stand for the same vectors, and several videos may have them. */
const cases: fc.Arbitrary<Case[]> = fc.array(caption, { minLength: 2, maxLength: 6 }).chain((words) =>
  fc
    .array(fc.record({ video, own: fc.array(fc.nat(words.length - 1), { minLength: 1, maxLength: 4 }) }), {
      minLength: 1,
      maxLength: 6,
    })
    .map((all) =>
      all.map(({ video, own }, n): Case => {
        const captions = own.map((word) => [`words ${word}`, words[word] as CaptionVectors] as const)
        const item = { id: `${n}`, path: `/${n}`, captions: captions.map(([text]) => text) }
        return { item, video, captions }
      }),
    ),
)

const setOf = (all: readonly Case[], kind: DataSet['kind']): DataSet => ({
  ...{ kind, title: '', split: '', missing: [] },
  items: all.map(({ item }) => item),
})

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, x, i) => sum + x * (b[i] as number), 0)
const rows = (all: Float32Array): number[][] =>
  Array.from({ length: all.length / DIM }, (_, n) => [...all.subarray(n * DIM, (n + 1) * DIM)])
const bySoftmax = (values: readonly number[]): number => {
  const powers = values.map((x) => Math.exp(MUG_SHARPNESS * x))
  return dot(powers, values) / powers.reduce((a, b) => a + b, 0)
}

/** Each similarity from its paper's formula, a pair at a time. */
const FORMULAS: Record<
  (typeof SIMILARITY_NAMES)[number],
  (text: CaptionVectors, video: ItemVectors) => number
> = {
  cosine: ({ text }, { views }) => dot(text, views[0] as Float32Array),
  wti: ({ tokens, weights = [] }, { frames, weights: importance = [] }) => {
    const [words, pictures] = [rows(tokens as Float32Array), rows(frames as Float32Array)]
    const byWord = words.map((word) => Math.max(...pictures.map((picture) => dot(word, picture))))
    const padding = words.length < PADDED ? [0] : []
    const byPicture = pictures.map((picture) =>
      Math.max(...words.map((word) => dot(word, picture)), ...padding),
    )
    return (dot(byWord, weights) + dot(byPicture, importance)) / 2
  },
  mug: ({ tokens }, { frames }) => {
    const [words, pictures] = [rows(tokens as Float32Array), rows(frames as Float32Array)]
    const byWord = words.map((word) => bySoftmax(pictures.map((picture) => dot(word, picture))))
    const byPicture = pictures.map((picture) => bySoftmax(words.map((word) => dot(word, picture))))
    return (bySoftmax(byWord) + bySoftmax(byPicture)) / 2
  },
}

/** Sort and look: best first, ties in their order; where the first right one stands. */
const plainRank = (row: readonly number[], right: ReadonlySet<number>): number =>
  row
    .map((similarity, n) => ({ similarity, n }))
    .sort((a, b) => b.similarity - a.similarity)
    .findIndex(({ n }) => right.has(n)) + 1

function plainRetrieval(
  matrix: readonly (readonly number[])[],
  right: readonly ReadonlySet<number>[],
): Retrieval {
  const ranks = matrix.map((row, n) => plainRank(row, right[n] as ReadonlySet<number>))
  const sorted = [...ranks].sort((a, b) => a - b)
  const within = (k: number): number => ranks.filter((rank) => rank <= k).length / ranks.length
  const middle = [Math.floor((ranks.length - 1) / 2), Math.ceil((ranks.length - 1) / 2)]
  return {
    ...{ queries: matrix.length, candidates: matrix[0]?.length ?? 0 },
    ...{ r1: within(1), r5: within(5), r10: within(10) },
    medianRank: middle.reduce((sum, at) => sum + (sorted[at] as number), 0) / 2,
    meanRank: ranks.reduce((a, b) => a + b, 0) / ranks.length,
  }
}

const turned = (matrix: readonly (readonly number[])[]): number[][] =>
  (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] as number))

/** Each value times its share, by softmax, among all queries of the same candidate. */
const plainDual = (matrix: readonly (readonly number[])[]): number[][] => {
  const tops = turned(matrix).map((column) => Math.max(...column))
  const sums = turned(matrix).map((column, n) =>
    column.reduce((sum, x) => sum + Math.exp(SCALE * (x - (tops[n] as number))), 0),
  )
  return matrix.map((row) =>
    row.map((x, n) => (Math.exp(SCALE * (x - (tops[n] as number))) / (sums[n] as number)) * x),
  )
}

/** The protocol in words: which captions are asked, and which videos are right. */
function plainQueries(all: readonly Case[], merge: boolean): { texts: string[]; right: Set<number>[] } {
  const every = all.flatMap(({ captions }, n) => captions.map(([text]) => ({ text, n })))
  if (!merge) return { texts: every.map(({ text }) => text), right: every.map(({ n }) => new Set([n])) }
  const texts = [...new Set(every.map(({ text }) => text))]
  return {
    texts,
    right: texts.map((text) => new Set(every.filter((one) => one.text === text).map(({ n }) => n))),
  }
}

describe('retrieval with several captions a video, by every similarity, with dual softmax', () => {
  for (const kind of ['msrvtt', 'table'] as const) {
    test(`${kind}: equals the protocol, computed plainly`, async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (all) => {
          const vectors = new Map(all.flatMap(({ captions }) => captions))
          const videos = new Map(all.map(({ item, video }) => [item, video]))
          const set = setOf(all, kind)
          const scored = await score(
            set,
            { videos, captions: vectors, labels: new Map() },
            { similarities: SIMILARITY_NAMES, scale: SCALE, paddedTo: PADDED },
          )
          const { texts, right } = plainQueries(all, kind === 'table')
          assert.deepEqual(queriesOf(set.items, set).texts, texts)
          const back = all.map((_, n) => new Set([...texts.keys()].filter((text) => right[text]?.has(n))))
          for (const name of SIMILARITY_NAMES) {
            const captions = texts.map((text) => vectors.get(text) as CaptionVectors)
            const plain = captions.map((text) => all.map(({ video }) => FORMULAS[name](text, video)))
            const own = await compareAll(name, captions, [...videos.values()], { paddedTo: PADDED })
            for (const [at, x] of plain.flat().entries())
              assert.ok(Math.abs((own.data[at] as number) - x) < 1e-5, `${name} ${own.data[at]} ${x}`)
            // From here on the same numbers, so that ties are ties.
            const matrix = captions.map((_, n) => [...own.data.slice(n * all.length, (n + 1) * all.length)])
            assert.deepEqual(scored.retrieval?.[name], {
              textToVideo: plainRetrieval(matrix, right),
              videoToText: plainRetrieval(turned(matrix), back),
              textToVideoDual: plainRetrieval(plainDual(matrix), right),
              videoToTextDual: plainRetrieval(plainDual(turned(matrix)), back),
            } satisfies RetrievalScores)
          }
        }),
        { numRuns: 150 },
      )
    })
  }
})

test('three views: the mean of their softmaxes', () => {
  const classes = fc.array(unit, { minLength: 2, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(video, { minLength: 1, maxLength: 4 }), classes, (videos, labels) => {
      const scored = compareViews(videos, labels, SCALE)
      for (const [row, { views }] of videos.entries()) {
        const softmaxes = views.map((view) => {
          const powers = labels.map((label) => Math.exp(SCALE * dot(view, label)))
          return powers.map((power) => power / powers.reduce((a, b) => a + b, 0))
        })
        for (const n of labels.keys()) {
          const plain = softmaxes.reduce((sum, of) => sum + (of[n] as number), 0) / 3
          assert.ok(Math.abs((scored.data[row * labels.length + n] as number) - plain) < 1e-9)
        }
      }
    }),
  )
})

test('the worst mistakes are those whose right video came last, told with what came before it', async () => {
  const direction = (angle: number): Float32Array => Float32Array.of(Math.cos(angle), Math.sin(angle), 0, 0)
  const item = (n: number, captions: string[]): DataItem => ({ id: `${n}`, path: `/${n}`, captions })
  const items = [item(0, ['far']), item(1, ['near']), item(2, ['right'])]
  const set: DataSet = { kind: 'msrvtt', title: '', split: '', items, missing: [] }
  const videos = new Map(items.map((one, n) => [one, { views: [direction(n)], times: [] }]))
  const angles = { far: 2.4, near: 1.6, right: 2 }
  const captions = new Map(Object.entries(angles).map(([text, angle]) => [text, { text: direction(angle) }]))
  const { mistakes } = await score(
    set,
    { videos, captions, labels: new Map() },
    { similarities: ['cosine'], scale: 1, paddedTo: PADDED },
  )
  assert.deepEqual(
    mistakes.queries.map(({ text, rank, right, answers }) => [
      text,
      rank,
      right.item.id,
      answers.map((one) => one.item.id),
    ]),
    [
      ['far', 3, '0', ['2', '1']],
      ['near', 2, '1', ['2']],
    ],
  )
})

test('what is no number is refused, not scored: of captions, of classes and of order', async () => {
  const [good, nan] = [Float32Array.of(1, 0), Float32Array.of(Number.NaN, 0)]
  const item: DataItem = { id: '0', path: '/0', captions: ['a'], label: 'run', contrast: 'walk' }
  const set = { kind: 'table', title: '', split: '', items: [item], missing: [] } as const
  const scored = (of: {
    video?: Float32Array
    text?: Float32Array
    run?: Float32Array
    walk?: Float32Array
  }) => {
    const { video = good, text = good, run = good, walk = good } = of
    const vectors = {
      videos: new Map([[item, { views: [video], times: [] }]]),
      captions: new Map([['a', { text }]]),
      labels: new Map(Object.entries({ run, walk })),
    }
    const classed = { ...set, classes: ['run'] }
    return score(classed, vectors, { similarities: ['cosine'], scale: 1, paddedTo: PADDED })
  }
  assert.equal((await scored({})).recognition?.top1, 1)
  for (const of of [{ video: nan }, { text: nan }, { run: nan }, { walk: nan }])
    await assert.rejects(scored(of), { code: 'MODEL_WEIGHTS', hint: /weights are not finite/ })
})
