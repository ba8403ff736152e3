import type { DataItem, DataSet } from '../datasets/dataset.js'

/** What is asked for in a retrieval. */
export interface Queries {
  readonly texts: readonly string[]
  /** The videos that each text is about, by their numbers. */
  readonly partners: readonly (readonly number[])[]
  /** The texts about each video. */
  readonly back: readonly (readonly number[])[]
}

/** Whether a data set is about captions. Published sets of classes are not, though their videos may have sentences too. */
export const isRetrieval = ({ kind, classes }: DataSet): boolean => kind === 'table' || classes === undefined

/**
 * Every caption of every item. Published protocols count each caption as a query of its own, with one video that is right, the
 * same words twice too; in a table the same words are one query, with all their videos.
 */
export function queriesOf(items: readonly DataItem[], { kind }: Pick<DataSet, 'kind'>): Queries {
  const texts: string[] = []
  const partners: number[][] = []
  const known = new Map<string, number>()
  for (const [video, { captions }] of items.entries()) {
    for (const caption of captions) {
      const before = kind === 'table' ? known.get(caption) : undefined
      if (before === undefined) {
        known.set(caption, texts.length)
        texts.push(caption)
        partners.push([video])
      } else if (!partners[before]?.includes(video)) partners[before]?.push(video)
    }
  }
  const back: number[][] = items.map(() => [])
  for (const [text, own] of partners.entries()) for (const video of own) back[video]?.push(text)
  return { texts, partners, back }
}
