/** `out[i, j] = Σ a[i, p] · b[p, j]`: `a` is `[m, k]`, `b` `[k, n]`, `out` `[m, n]`, row by row. */
export interface Product {
  readonly a: Float64Array
  readonly b: Float64Array
  readonly out: Float64Array
  readonly k: number
  readonly n: number
}

/** Products run in order, added with a fused multiply-add: as BLAS does, and as plain code would. */
export function multiply({ a, b, out, k, n }: Product, round: (x: number) => number): void {
  for (let i = 0; i * k < a.length; i++) {
    for (let p = 0; p < k; p++) {
      const left = a[i * k + p] as number
      for (let j = 0; j < n; j++) {
        out[i * n + j] = round((out[i * n + j] as number) + left * (b[p * n + j] as number))
      }
    }
  }
}

/** Below so many columns MKL takes dot products of rows where the right matrix lies transposed in memory. */
export const DOT_COLUMNS = 12

/**
 * The same by dot products, as MKL does for a few columns: lanes that are added in the end, four for columns that make
 * up fours and eight for the rest; each product is rounded before it is added.
 */
export function multiplyByDots({ a, b, out, k, n }: Product): void {
  const fours = n - (n % 4)
  for (let i = 0; i * k < a.length; i++) {
    for (let j = 0; j < n; j++) out[i * n + j] = dot(i, j, j < fours ? 4 : 8)
  }

  function dot(row: number, column: number, lanes: number): number {
    const round = Math.fround
    let sums = new Array<number>(lanes).fill(0)
    for (let p = 0; p < k; p++) {
      const product = round((a[row * k + p] as number) * (b[p * n + column] as number))
      sums[p % lanes] = round((sums[p % lanes] as number) + product)
    }
    while (sums.length > 1) {
      const half = sums.length / 2
      sums = sums.slice(0, half).map((sum, lane) => round(sum + (sums[lane + half] as number)))
    }
    return sums[0] as number
  }
}
