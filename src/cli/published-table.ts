import { PUBLISHED_DATA, type PublishedData, type PublishedResult } from '../model/published.js'
import { table } from './format.js'

const HEADS: Readonly<Record<PublishedData, string>> = {
  ...{ msrvtt: 'MSR-VTT R@1', didemo: 'DiDeMo R@1', lsmdc: 'LSMDC R@1' },
  ...{ k400: 'K400 top-1', ssv2: 'SSv2 top-1' },
}

/** Published results, a row for each model; of several on the same data the numbers of frames stand beside. */
export function publishedTable(title: string, results: readonly PublishedResult[]): string[] {
  const models = [...new Set(results.map(({ model }) => model))]
  const told = ({ percent, frames }: PublishedResult): string =>
    `${percent.toFixed(1)}${frames === undefined ? '' : ` (${frames})`}`
  const rows = models.map((model) => [
    model,
    ...PUBLISHED_DATA.map((data) => {
      const own = results.filter((result) => result.model === model && result.data === data)
      return own.length === 0 ? '–' : own.map(told).join(', ')
    }),
  ])
  return [
    ...table([[title, ...PUBLISHED_DATA.map((data) => HEADS[data])], ...rows], [1, 2, 3, 4, 5]),
    'In brackets: frames, where they are known. K400 and SSv2 are of 3 views with them.',
  ]
}
