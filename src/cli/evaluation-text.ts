import type { Evaluation } from '../../pipelines/evaluate.js'
import type { Recognition, Retrieval } from '../evaluate/metrics.js'
import { publishedElsewhere, publishedOn } from '../evaluate/published.js'
import { type PublishedResult, protocolOf } from '../model/published.js'
import { brokenLines, listed } from './data-lines.js'
import { plural, printable, table } from './format.js'
import { STOPPED } from './stoppable.js'

const percent = (share: number): string => (100 * share).toFixed(1)

/** What an evaluation came to, for people. `confusion`: with what was taken for what. */
export function evaluationText(
  evaluation: Evaluation,
  { confusion }: { readonly confusion: boolean },
): string {
  const { title, split, videos, work, notes, model, complete } = evaluation
  if (!complete) return STOPPED
  const computed = `${plural(work.videos, 'video')} and ${plural(work.texts, 'text')} computed, ${work.cached} from the cache`
  return [
    `${printable(model)} on ${printable(title)}, split ${split}: ${plural(videos, 'video')}; ${computed}`,
    ...leftOut(evaluation),
    ...retrievalLines(evaluation),
    ...recognitionLines(evaluation, confusion),
    ...publishedLines(evaluation),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}

/** `STAN-self B/16, 16 frames, 3 views` */
const named = (result: PublishedResult): string =>
  [result.model, protocolOf(result)].filter((part) => part !== '').join(', ')

function leftOut({ missing, failed, broken }: Evaluation): string[] {
  return [
    ...brokenLines(broken),
    ...listed(
      `${plural(missing.length, 'video')} missing, not scored`,
      missing.map(({ wanted }) => wanted),
    ),
    ...listed(
      `${plural(failed.length, 'video')} failed, not scored`,
      failed.map(({ path, code, message }) => `${path}: ${code} ${message}`),
    ),
  ]
}

function retrievalLines({ retrieval, kind, split }: Evaluation): string[] {
  if (retrieval === undefined) return []
  const row = (name: string, of: Retrieval): string[] => {
    const { queries, candidates, r1, r5, r10, medianRank, meanRank } = of
    const shares = [r1, r5, r10].map(percent)
    return [name, `${queries} among ${candidates}`, ...shares, medianRank.toFixed(1), meanRank.toFixed(1)]
  }
  const rows = Object.entries(retrieval).flatMap(([similarity, scores]) => [
    row(`text to video, ${similarity}`, scores.textToVideo),
    row(`video to text, ${similarity}`, scores.videoToText),
    row(`text to video, ${similarity}, dual softmax`, scores.textToVideoDual),
    row(`video to text, ${similarity}, dual softmax`, scores.videoToTextDual),
  ])
  const beside = publishedOn(kind, split).map((result) => [
    ...[`published: ${named(result)}, text to video`, '', result.percent.toFixed(1)],
  ])
  const head = ['retrieval', '', 'R@1', 'R@5', 'R@10', 'MdR', 'MnR']
  return ['', ...table([head, ...rows, ...beside], [2, 3, 4, 5, 6])]
}

function recognitionLines(
  { recognition, order, kind, split, views }: Evaluation,
  confusion: boolean,
): string[] {
  if (recognition === undefined) return []
  const { top1, top5, classes, videos } = recognition
  const crops = views === 1 ? '' : `, ${views} crops averaged`
  const head = ['recognition', 'top-1', 'top-5']
  const beside = publishedOn(kind, split).map((result) => [
    `published: ${named(result)}`,
    result.percent.toFixed(1),
  ])
  const own = [`${plural(videos, 'video')}${crops}`, percent(top1), percent(top5)]
  const rows = classes.flatMap(({ label, count, top1: share }) =>
    count === 0 ? [] : [[printable(label), String(count), percent(share)]],
  )
  return [
    '',
    ...table([head, own, ...beside], [1, 2]),
    '',
    ...table([['class', 'videos', 'top-1'], ...rows], [1, 2]),
    ...(confusion ? ['', ...confusionTable(recognition)] : []),
    ...(order === undefined
      ? []
      : ['', `order pairs  ${percent(order.right)} of ${plural(order.videos, 'video')}`]),
  ]
}

function confusionTable({ classes, confusion }: Recognition): string[] {
  const rows = classes.flatMap(({ label }, truth) =>
    classes.flatMap(({ label: answer }, n) => {
      const count = confusion[truth]?.[n] ?? 0
      return n === truth || count === 0 ? [] : [{ label, answer, count }]
    }),
  )
  rows.sort((a, b) => b.count - a.count)
  const told = rows.map(({ label, answer, count }) => [printable(label), printable(answer), String(count)])
  return table([['is', 'was taken for', 'videos'], ...told], [2])
}

/** What papers report on another split; data that no paper knows has nothing to stand beside. */
function publishedLines({ kind, split }: Evaluation): string[] {
  if (kind === 'table') return ['', 'figures of published data sets: docs/evaluation.md']
  const elsewhere = publishedElsewhere(kind, split)
  if (elsewhere === undefined) return []
  const rows = elsewhere.results.map((result) => [named(result), result.percent.toFixed(1)])
  return ['', ...table([[`published, on split ${elsewhere.split}`, elsewhere.measure], ...rows], [1])]
}
