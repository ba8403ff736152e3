import type { Report, ReportCheck, ReportHead, ReportVideo } from '../../src/report/model.js'
import { renderReport } from '../../src/report/render.js'
import { thumbnail } from '../../src/report/thumbnails.js'

export const HEAD: ReportHead = {
  title: 'out',
  made: new Date('2026-01-02T03:04:05Z'),
  version: '1.2.3',
  recipe: {
    model: 'tiny + mean',
    digest: 'ab'.repeat(32),
    sampling: '4 frames over the whole video',
    clips: 1,
  },
  totals: { videos: 1, clips: 1, seconds: 4, leaders: [{ label: 'run', clips: 1 }], strips: 1 },
  warnings: [],
  meaningless: false,
  others: [],
}

/** A right label and a wrong one. */
export const CHECKED: ReportCheck = {
  title: 'Right labels',
  result: '1 of 2 right',
  note: 'One clip over each whole video.',
  rows: [
    { source: 'one.mp4', expected: 'run', label: 'run', score: 0.75, right: true },
    { source: 'two.mp4', expected: 'fall', label: 'sit', score: 0.5, right: false },
  ],
}

/** A video of `clips` windows of two seconds, one every second, whose best label is `label`. */
export function windows(source: string, clips: number, label = 'run'): ReportVideo {
  return {
    source,
    complete: true,
    clips: Array.from({ length: clips }, (_, i) => ({
      start: i,
      end: i + 2,
      labels: [
        { label, score: 0.75 },
        { label: 'sit', score: 0.25 },
      ],
    })),
  }
}

/** A video with one real picture. */
export async function pictured(source: string, label?: string): Promise<ReportVideo> {
  const pixels = new Uint8Array(32 * 24 * 3).fill(90)
  const picture = await thumbnail({ time: 1.5, width: 32, height: 24, pixels })
  return { ...windows(source, 1, label), strip: { kind: 'pictures', pictures: [picture], sampled: 1 } }
}

export async function page(
  videos: Iterable<ReportVideo>,
  report: Partial<Omit<Report, 'videos' | 'head'>> & { readonly head?: Partial<ReportHead> } = {},
): Promise<string> {
  const head = { ...HEAD, ...report.head }
  let text = ''
  for await (const piece of renderReport({
    failures: report.failures ?? [],
    head,
    videos: (async function* () {
      yield* videos
    })(),
  })) {
    text += piece
  }
  return text
}

/** The table of right and wrong labels, row by row, as a reader has it; with each row what its link leads to. */
export function checkedRows(text: string): readonly { cells: readonly string[]; to: string | undefined }[] {
  const [table = ''] = /<section class="checked".*?<\/section>/s.exec(text) ?? []
  return [...table.matchAll(/<tr[^>]*><th scope="row".*?<\/tr>/gs)].map(([row]) => ({
    cells: [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = '']) =>
      cell.replaceAll(/<[^>]*>/g, ''),
    ),
    to: /<a href="#([^"]*)"/.exec(row)?.[1],
  }))
}

/** The names of the videos, in page order. */
export function sourcesOf(text: string): string[] {
  const heads = text.matchAll(/<(?:article|li) class="video".*?<bdi class="name"[^>]*>(.*?)<\/bdi>/gs)
  return [...heads].map(([, name = '']) => name.replaceAll(/<[^>]*>/g, ''))
}

/** How often `pattern` occurs. */
export function occurrences(text: string, pattern: RegExp): number {
  return [...text.matchAll(new RegExp(pattern, 'g'))].length
}
