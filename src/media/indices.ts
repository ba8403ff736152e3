/** Position of the first value that is not below `value`; the last position where there is none. `ascending` is not empty. */
export function firstAtOrAfter(ascending: Float64Array, value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Positions of the ones, ascending. */
export function marked(marks: Uint8Array): Uint32Array {
  const positions = new Uint32Array(marks.reduce((count, mark) => count + mark, 0))
  let count = 0
  for (let i = 0; i < marks.length; i++) if (marks[i] === 1) positions[count++] = i
  return positions
}
