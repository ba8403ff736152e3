import type { DataItem } from '../datasets/dataset.js'
import { ranks, type Similarities } from './metrics.js'

/** A text whose video came late, and what came before it. */
export interface WrongQuery {
  readonly text: string
  /** Of the right video, from 1. */
  readonly rank: number
  readonly right: Answer
  /** What came before it, the first of it, best first. */
  readonly answers: readonly Answer[]
}

export interface Answer {
  readonly item: DataItem
  readonly similarity: number
}

/** A video that was taken for another class. */
export interface WrongAnswer {
  readonly item: DataItem
  /** Of the right class, from 1. */
  readonly rank: number
  readonly right: Guess
  /** What it was taken for, best first. */
  readonly answers: readonly Guess[]
}

export interface Guess {
  readonly label: string
  readonly similarity: number
}

export interface Mistakes {
  readonly queries: readonly WrongQuery[]
  readonly answers: readonly WrongAnswer[]
}

/** Mistakes that are kept, and answers told of each. */
const MOST = 24
const TOLD = 3

/** The texts whose own video stands last among all videos. */
export function worstQueries(
  of: Similarities,
  {
    texts,
    partners,
    items,
  }: {
    readonly texts: readonly string[]
    readonly partners: readonly (readonly number[])[]
    readonly items: readonly DataItem[]
  },
): WrongQuery[] {
  return worst(of, partners).map(({ row, rank }) => {
    const answer = (n: number): Answer => ({ item: items[n] as DataItem, similarity: at(of, row, n) })
    const own = best(of, row, partners[row] ?? [])
    return {
      ...{ text: texts[row] as string, rank, right: answer(own) },
      answers: leading(of, row, rank - 1).map(answer),
    }
  })
}

/** The videos whose own class stands last among all classes. */
export function worstAnswers(
  of: Similarities,
  {
    truth,
    classes,
    items,
  }: {
    readonly truth: readonly number[]
    readonly classes: readonly string[]
    readonly items: readonly DataItem[]
  },
): WrongAnswer[] {
  const partners = truth.map((label) => [label])
  return worst(of, partners).map(({ row, rank }) => {
    const guess = (n: number): Guess => ({ label: classes[n] as string, similarity: at(of, row, n) })
    return {
      ...{ item: items[row] as DataItem, rank, right: guess(truth[row] as number) },
      answers: leading(of, row, rank - 1).map(guess),
    }
  })
}

/** Rows by how late their partner comes; those on the first place are no mistakes. Of equal rank the surest error leads. */
function worst(of: Similarities, partners: readonly (readonly number[])[]) {
  const margin = (row: number): number => highest(of, row) - at(of, row, best(of, row, partners[row] ?? []))
  return ranks(of, partners)
    .flatMap((rank, row) => (rank > 1 ? [{ row, rank, margin: margin(row) }] : []))
    .sort((a, b) => b.rank - a.rank || b.margin - a.margin)
    .slice(0, MOST)
}

function highest({ columns, data }: Similarities, row: number): number {
  let most = Number.NEGATIVE_INFINITY
  for (let n = row * columns; n < (row + 1) * columns; n++) most = Math.max(most, data[n] as number)
  return most
}

const at = ({ columns, data }: Similarities, row: number, column: number): number =>
  data[row * columns + column] as number

const best = (of: Similarities, row: number, among: readonly number[]): number =>
  among.reduce((found, n) => (at(of, row, n) > at(of, row, found) ? n : found), among[0] as number)

/** The first columns, of those that come before the right one. */
function leading(of: Similarities, row: number, before: number): number[] {
  const order = Array.from({ length: of.columns }, (_, n) => n)
  return order.sort((a, b) => at(of, row, b) - at(of, row, a)).slice(0, Math.min(TOLD, before))
}
