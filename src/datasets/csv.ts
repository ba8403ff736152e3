import { parse } from 'csv-parse/sync'
import { type Placed, Unreadable } from './sift.js'

export type CsvRow = Readonly<Record<string, string>>

/** A field may hold line ends; a quote that is open for longer than this was never meant to be. */
const LONGEST_RECORD = 100

const UNCLOSED = 'a quote is opened and not closed'
const AFTER_QUOTE = 'something follows a closing quote'
const WHY: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: UNCLOSED,
  CSV_INVALID_CLOSING_QUOTE: AFTER_QUOTE,
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: AFTER_QUOTE,
  INVALID_OPENING_QUOTE: 'a quote stands within a field',
}

/** Rows of a CSV under its header. A broken row ends nothing, nor does a quote that nobody closes: the next line is a new row. */
export function* csvRows(content: string): Generator<Placed<CsvRow | Unreadable>> {
  let header: readonly string[] | undefined
  for (const [line, cells] of records(content)) {
    if (header === undefined) {
      if (cells instanceof Unreadable) {
        yield [`line ${line}`, cells]
        return
      }
      header = cells
    } else yield [`line ${line}`, cells instanceof Unreadable ? cells : under(header, cells)]
  }
}

function under(header: readonly string[], cells: readonly string[]): CsvRow | Unreadable {
  if (cells.length !== header.length)
    return new Unreadable(`its fields are ${cells.length}, the header's are ${header.length}`)
  return Object.fromEntries(header.map((name, n) => [name, cells[n] as string]))
}

type Cells = readonly string[]

/** Every record with the number of its first line. */
function* records(content: string): Generator<readonly [line: number, cells: Cells | Unreadable]> {
  const lines = content.split(/\r\n|\n|\r/)
  const spans = spansOf(lines)
  const whole = parsed(content)
  // Most files are sound, and read at once.
  if (!(whole instanceof Unreadable) && whole.length === spans.length) {
    for (const [n, cells] of whole.entries()) yield [(spans[n]?.[0] as number) + 1, cells]
    return
  }
  for (let n = 0; n < lines.length; n++) {
    if (isEmpty(lines[n])) continue
    const end = endOf(lines, n)
    const record = parsed(lines.slice(n, end + 1).join('\n'))
    if (record instanceof Unreadable) yield [n + 1, end > n ? new Unreadable(UNCLOSED) : record]
    else {
      yield [n + 1, record[0] ?? []]
      n = end
    }
  }
}

function parsed(text: string): Cells[] | Unreadable {
  try {
    return parse(text, { skip_empty_lines: true, trim: true, relax_column_count: true }) as Cells[]
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return new Unreadable(WHY[code] ?? 'it is not CSV')
  }
}

const isEmpty = (line = ''): boolean => line.trim() === ''

/** First and last line of each record. */
function spansOf(lines: readonly string[]): (readonly [first: number, last: number])[] {
  const spans: (readonly [number, number])[] = []
  for (let n = 0; n < lines.length; n++) {
    if (isEmpty(lines[n])) continue
    const end = endOf(lines, n)
    spans.push([n, end])
    n = end
  }
  return spans
}

/** The line that closes the quote which is open at the end of line `n`; `n` itself where none is, or nothing closes it. */
function endOf(lines: readonly string[], n: number): number {
  let quotes = 0
  for (let end = n; end < Math.min(lines.length, n + LONGEST_RECORD); end++) {
    quotes += (lines[end] as string).split('"').length - 1
    if (quotes % 2 === 0) return end
  }
  return n
}
