import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { DataItem } from '../src/datasets/dataset.js'
import type { Retrieval } from '../src/evaluate/metrics.js'
import { publishedElsewhere, publishedOn } from '../src/evaluate/published.js'
import type { ItemVectors } from '../src/evaluate/vector-cache.js'
import type { VideoReader } from '../src/media/reader.js'
import { type PublishedResult, protocolOf } from '../src/model/published.js'
import { confusionSvg } from '../src/report/confusion.js'
import {
  type EvaluationPage,
  type Mistake,
  renderEvaluation,
  type ScoreTable,
  type ShownVideo,
} from '../src/report/evaluation.js'
import { count } from '../src/report/format.js'
import { VERSION } from '../src/version.js'
import type { Evaluation } from './evaluation.js'
import { Places } from './places.js'
import { writePage } from './report-page.js'
import { makeStrip } from './report-strip.js'

interface Sources {
  readonly videos: ReadonlyMap<DataItem, ItemVectors>
  readonly reader: VideoReader
  readonly signal: AbortSignal
}

const [RIGHT_PICTURES, ANSWER_PICTURES] = [6, 3]

/** Writes what an evaluation came to as one self-contained page, with pictures of the worst mistakes. @throws StanflowError OUTPUT_* */
export async function writeEvaluationPage(
  out: string,
  evaluation: Evaluation,
  sources: Sources,
): Promise<void> {
  const places = new Places()
  try {
    const page = renderEvaluation(pageOf(evaluation, mistakes(evaluation, places, sources)))
    await writePage(out, page, sources.signal)
  } finally {
    await places.close()
  }
}

function pageOf(evaluation: Evaluation, shown: AsyncIterable<Mistake>): EvaluationPage {
  const {
    kind,
    title,
    split,
    model,
    modelDigest,
    engine,
    frames,
    views,
    videos,
    missing,
    broken,
    failed,
    notes,
  } = evaluation
  const { recognition, retrieval } = evaluation
  const crops = views === 1 ? '' : `, ${views} crops averaged`
  const classes = recognition?.classes.filter(({ count }) => count > 0) ?? []
  return {
    // A table is called by its path; its page by the file's name.
    ...{
      title: kind === 'table' ? basename(title) : title,
      made: new Date(),
      version: VERSION,
      warnings: notes,
      classes,
      mistakes: shown,
    },
    facts: [
      ['Model', model],
      ['Digest', modelDigest.slice(0, 12)],
      ['Engine', engine],
      ['Data', `${title}, split ${split}`],
      ['Sampling', `${frames} frames over each video${crops}`],
    ],
    totals: [
      [videos - failed.length, videos - failed.length === 1 ? 'video scored' : 'videos scored'],
      ...(missing.length > 0 ? [[missing.length, 'missing'] as const] : []),
      ...(failed.length > 0 ? [[failed.length, 'failed'] as const] : []),
      ...(broken.length > 0
        ? [[broken.length, broken.length === 1 ? 'line not read' : 'lines not read'] as const]
        : []),
    ],
    tables: [
      ...retrievalTables(evaluation),
      ...recognitionTables(evaluation),
      ...publishedTables(evaluation),
    ],
    ...(recognition !== undefined && { confusion: confusionSvg(recognition) }),
    mistakesTitle:
      retrieval === undefined ? 'The worst mistakes' : 'The worst mistakes, by where the right one came',
    left: [
      ...missing.map(({ id, wanted }) => ({ name: id, why: `not found: ${wanted}` })),
      ...failed.map(({ path, message }) => ({ name: path, why: message })),
    ],
    broken: broken.map(({ file, at, why }) => ({ name: `${basename(file)}, ${at}`, why })),
  }
}

const percent = (share: number): string => (100 * share).toFixed(1)

/** `STAN-self B/16, as published (16 frames, 3 views)` */
function asPublished(result: PublishedResult): string {
  const protocol = protocolOf(result)
  return `${result.model}, as published${protocol === '' ? '' : ` (${protocol})`}`
}

const DUAL =
  'Dual softmax knows all queries of the test at once, as no search does: compare it with other figures of dual softmax alone.'

function retrievalTables({ retrieval, kind, split }: Evaluation): ScoreTable[] {
  if (retrieval === undefined) return []
  const row = (name: string, { r1, r5, r10, medianRank, meanRank }: Retrieval) => ({
    cells: [
      ...[name, percent(r1), percent(r5), percent(r10)],
      ...[medianRank.toFixed(1), meanRank.toFixed(1)],
    ],
    published: false,
  })
  const rows = Object.entries(retrieval).flatMap(([similarity, scores]) => [
    row(`text to video, ${similarity}`, scores.textToVideo),
    row(`video to text, ${similarity}`, scores.videoToText),
    row(`text to video, ${similarity}, dual softmax`, scores.textToVideoDual),
    row(`video to text, ${similarity}, dual softmax`, scores.videoToTextDual),
  ])
  const published = publishedOn(kind, split).map((result) => ({
    cells: [asPublished(result), result.percent.toFixed(1), '', '', '', ''],
    published: true,
  }))
  const { queries = 0, candidates = 0 } = Object.values(retrieval)[0]?.textToVideo ?? {}
  const about = `${count(queries, 'text')} among ${count(candidates, 'video')}, and back`
  const head = ['', 'R@1', 'R@5', 'R@10', 'MdR', 'MnR']
  return [{ title: 'Retrieval', about, head, rows: [...rows, ...published], note: DUAL }]
}

function recognitionTables({ recognition, order, kind, split }: Evaluation): ScoreTable[] {
  if (recognition === undefined) return []
  const { top1, top5, videos } = recognition
  const measured = { cells: ['all videos', String(videos), percent(top1), percent(top5)], published: false }
  const published = publishedOn(kind, split).map((result) => ({
    cells: [asPublished(result), '', result.percent.toFixed(1), ''],
    published: true,
  }))
  return [
    { title: 'Recognition', head: ['', 'videos', 'top-1', 'top-5'], rows: [measured, ...published] },
    ...orderTables(order),
  ]
}

function publishedTables({ kind, split }: Evaluation): ScoreTable[] {
  const elsewhere = publishedElsewhere(kind, split)
  if (elsewhere === undefined) return []
  const rows = elsewhere.results.map((result) => ({
    cells: [asPublished(result), result.percent.toFixed(1)],
    published: true,
  }))
  return [{ title: `Published, on split ${elsewhere.split}`, head: ['', elsewhere.measure], rows }]
}

function orderTables(order: Evaluation['order']): ScoreTable[] {
  if (order === undefined) return []
  return [
    {
      title: 'Order pairs',
      about: 'Videos whose label is nearer than the contrast it must be told from; chance is half.',
      head: ['', 'videos', 'right'],
      rows: [{ cells: ['order pairs', String(order.videos), percent(order.right)], published: false }],
    },
  ]
}

/** Mistakes with their pictures, decoded again from the originals. */
async function* mistakes(
  { mistakes: worst, retrieval, recognition }: Evaluation,
  places: Places,
  { videos, reader, signal }: Sources,
): AsyncGenerator<Mistake> {
  const show = async (item: DataItem, most: number, similarity?: number): Promise<ShownVideo> => {
    const { path } = item
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => 0,
    )
    const frameTimes = videos.get(item)?.times ?? []
    const strip = await makeStrip({ path, bytes, clips: [{ frameTimes }] }, { places, reader, signal, most })
    return { source: item.id, strip, ...(similarity !== undefined && { similarity }) }
  }
  const first = Object.values(retrieval ?? {})[0]
  for (const { text, rank, right, answers } of worst?.queries ?? []) {
    yield {
      ...{
        kind: 'query',
        text,
        place: `its video came ${ordinal(rank)} of ${first?.textToVideo.candidates}`,
      },
      right: await show(right.item, RIGHT_PICTURES, right.similarity),
      answers: await Promise.all(
        answers.map(({ item, similarity }) => show(item, ANSWER_PICTURES, similarity)),
      ),
    }
  }
  const classes = recognition?.classes.length
  for (const { item, rank, right, answers } of worst?.answers ?? []) {
    const guesses = [right, ...answers].map((guess, n) => ({ ...guess, right: n === 0 }))
    const place = `the right class came ${ordinal(rank)} of ${classes}`
    yield { kind: 'class', place, video: await show(item, RIGHT_PICTURES), guesses }
  }
}

/** `1st`, `22nd`, `113th` */
function ordinal(n: number): string {
  const tens = n % 100
  const ending = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n.toLocaleString('en')}${ending}`
}
