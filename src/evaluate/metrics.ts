/** Similarities of `rows` queries with `columns` candidates, row-major. */
export interface Similarities {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array | Float32Array
}

/** What retrieval papers report. Shares are 0..1; ranks count from 1. */
export interface Retrieval {
  readonly queries: number
  readonly candidates: number
  readonly r1: number
  readonly r5: number
  readonly r10: number
  readonly medianRank: number
  readonly meanRank: number
}

/** What is no number stands behind every number: compared as it is, NaN would come first of all. */
const worth = (similarity: number): number =>
  Number.isNaN(similarity) ? Number.NEGATIVE_INFINITY : similarity

/**
 * The rank of each query's best partner, from 1. Candidates of equal similarity stand in the order of their numbers, as
 * after a stable sort, so that a model that sees no difference is at chance; NaN stands last. `partners`: the candidates
 * that are right.
 */
export function ranks(
  { rows, columns, data }: Similarities,
  partners: readonly (readonly number[])[],
): number[] {
  return Array.from({ length: rows }, (_, row) => {
    const at = row * columns
    let best = Number.POSITIVE_INFINITY
    for (const partner of partners[row] ?? []) {
      const own = worth(data[at + partner] as number)
      let before = 0
      for (let j = 0; j < columns; j++) {
        const other = worth(data[at + j] as number)
        if (other > own || (other === own && j < partner)) before++
      }
      best = Math.min(best, before + 1)
    }
    return best
  })
}

export function retrieval(of: Similarities, partners: readonly (readonly number[])[]): Retrieval {
  const found = ranks(of, partners)
  const within = (k: number): number => found.filter((rank) => rank <= k).length / found.length
  return {
    queries: of.rows,
    candidates: of.columns,
    r1: within(1),
    r5: within(5),
    r10: within(10),
    medianRank: median(found),
    meanRank: found.reduce((sum, rank) => sum + rank, 0) / found.length,
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] as number
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export function transposed({ rows, columns, data }: Similarities): Similarities {
  const turned = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = data[row * columns + column] as number
  }
  return { rows: columns, columns: rows, data: turned }
}

/**
 * Dual softmax: each similarity times its share among all queries of the same candidate (softmax over the column of
 * `scale` · similarity). It knows the other queries, so it is reported apart.
 */
export function dualSoftmax({ rows, columns, data }: Similarities, scale: number): Similarities {
  const result = new Float64Array(rows * columns)
  for (let column = 0; column < columns; column++) {
    let highest = Number.NEGATIVE_INFINITY
    for (let row = 0; row < rows; row++) highest = Math.max(highest, data[row * columns + column] as number)
    let total = 0
    for (let row = 0; row < rows; row++) {
      const at = row * columns + column
      result[at] = Math.exp(scale * ((data[at] as number) - highest))
      total += result[at] as number
    }
    for (let row = 0; row < rows; row++) {
      const at = row * columns + column
      result[at] = ((result[at] as number) / total) * (data[at] as number)
    }
  }
  return { rows, columns, data: result }
}

export interface ClassScore {
  readonly label: string
  readonly count: number
  /** Share of its videos that were recognised. */
  readonly top1: number
}

export interface Recognition {
  readonly videos: number
  readonly top1: number
  readonly top5: number
  readonly classes: readonly ClassScore[]
  /** `[truth][answer]` counts, in the order of `classes`. */
  readonly confusion: readonly (readonly number[])[]
}

/** Videos `[rows]` against labels `[columns]`; `truth`: the right label of each video. Ties as in `ranks`. */
export function recognition(
  of: Similarities,
  truth: readonly number[],
  labels: readonly string[],
): Recognition {
  const found = ranks(
    of,
    truth.map((label) => [label]),
  )
  const confusion = labels.map(() => labels.map(() => 0))
  for (const [video, label] of truth.entries()) {
    const row = confusion[label] as number[]
    const answer = strongest(of, video)
    row[answer] = (row[answer] as number) + 1
  }
  const share = (k: number, which: readonly number[]): number =>
    which.length === 0 ? 0 : which.filter((rank) => rank <= k).length / which.length
  return {
    videos: of.rows,
    top1: share(1, found),
    top5: share(5, found),
    classes: labels.map((label, n) => {
      const own = found.filter((_, video) => truth[video] === n)
      return { label, count: own.length, top1: share(1, own) }
    }),
    confusion,
  }
}

/** The first of the candidates with the highest similarity. */
function strongest({ columns, data }: Similarities, row: number): number {
  const at = (column: number): number => worth(data[row * columns + column] as number)
  let best = 0
  for (let j = 1; j < columns; j++) if (at(j) > at(best)) best = j
  return best
}
