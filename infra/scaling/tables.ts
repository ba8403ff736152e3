import { FIGURES, type Figure } from './figures.js'
import { archiveNeeds, camerasNeed, type Needs } from './needs.js'

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const

/** Three digits, and the thousands as a letter. */
function short(value: number, unit = ''): string {
  const step = value < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3))
  const scaled = value / 1000 ** step
  const digits = scaled >= 100 || Number.isInteger(scaled) ? 0 : scaled >= 10 ? 1 : 2
  return `${scaled.toFixed(digits)} ${UNITS[step]}${unit}`.trim()
}

const whole = (value: number): string => Math.ceil(value).toLocaleString('en')

/** A Markdown table as the project's formatter leaves it. */
function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, n) => Math.max(3, head.length, ...rows.map((row) => row[n]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function needs(all: readonly Needs[]): string {
  const heads = [
    'load',
    'mode',
    'frames',
    'clips/s',
    'decoding: cores',
    'or cards',
    'model: cards',
    'partitions',
    'brokers',
  ]
  const more = ['in', 'topics', 'objects a day', 'S3 requests/s', 'index a day', '$ a million clips']
  return markdown(
    [...heads, ...more],
    all.map((one) => [
      ...[
        one.load,
        one.mode,
        String(one.frames),
        short(one.clipsPerSecond),
        whole(one.decoderCores),
        whole(one.decoderGpus),
      ],
      ...[
        whole(one.modelGpus),
        whole(one.partitions),
        whole(one.brokers),
        short(one.inBytes, 'B/s'),
        short(one.topicBytes, 'B/s'),
      ],
      ...[
        whole(one.objectsPerDay),
        short(one.requestsPerSecond),
        short(one.indexBytesPerDay, 'B'),
        one.dollarsPerMillion.toFixed(2),
      ],
    ]),
  )
}

/** The tables of docs/scaling.md by their names there. */
export function tables(): Readonly<Record<string, string>> {
  const cameras = [10, 1000, 100_000].flatMap((count) =>
    (['whole', 'split'] as const).flatMap((mode) =>
      ([12, 64] as const).map((frames) => camerasNeed(count, mode, frames)),
    ),
  )
  const figures: readonly Figure[] = Object.values(FIGURES)
  return {
    cameras: needs(cameras),
    archive: needs(([12, 64] as const).map((frames) => archiveNeeds(1_000_000, frames))),
    figures: markdown(
      ['figure', 'what', 'how', 'where from'],
      figures.map(({ value, unit, how, source }) => [
        value < 0.001 ? value.toExponential(0) : value.toLocaleString('en'),
        unit,
        how,
        source,
      ]),
    ),
  }
}

const between = (name: string): RegExp => new RegExp(`(<!-- table: ${name} -->\n\n)[^]*?(\n\n<!-- end -->)`)

/** A page with its tables as they are to be. */
export function withTables(page: string): string {
  return Object.entries(tables()).reduce(
    (text, [name, table]) =>
      text.replace(between(name), (_, head: string, tail: string) => head + table + tail),
    page,
  )
}
