import { stat } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { z } from 'zod'
import { StanflowError } from '../errors.js'
import { csvRows } from './csv.js'
import { type DataItem, type DataSetFormat, splitName } from './dataset.js'
import { readText } from './files.js'
import { brokenIn, type Placed, type Sifted, sift, textLines, Unreadable } from './sift.js'
import { locate } from './videos.js'

const words = z.string().trim().min(1)
/** Empty cells of a CSV say nothing. */
const blank = (value: unknown): unknown => (value === '' ? undefined : value)
const maybe = z.preprocess(blank, words.optional())
const seconds = z.preprocess(blank, z.coerce.number().min(0).optional())

const Line = z
  .object({
    path: maybe,
    video: maybe,
    text: maybe,
    caption: maybe,
    captions: z.array(words).optional(),
    label: maybe,
    contrast: maybe,
    start: seconds,
    end: seconds,
    split: maybe.transform((name) => name && splitName(name)),
  })
  .transform(({ path, video, text, caption, captions = [], ...rest }) => ({
    ...rest,
    path: path ?? video,
    captions: [text ?? caption, ...captions].filter((sentence) => sentence !== undefined),
  }))
type Line = z.output<typeof Line>

/**
 * A `.jsonl` or a `.csv` with a header: `path` (or `video`), `text` (or `caption`), `label`, `contrast`, and for a part of a
 * video `start` and `end` in seconds; other columns are passed over. A video may have several lines. Paths are relative to
 * `root`, or to the file. With a column `split` and a split asked for, only that split's lines count. Broken lines are passed
 * over and told.
 */
export const table: DataSetFormat = {
  name: 'table',
  splits: ['all', 'train', 'val', 'test'],
  async read({ place, root, split }) {
    const { rows, broken } = linesOf(place, await readText(place))
    const lines = rows.map(([, line]) => line)
    const chosen = split === 'all' ? lines : lines.filter((line) => line.split === split)
    if (chosen.length === 0) {
      if (split === 'all') throw invalid(`The data set ${place} is empty.`)
      throw new StanflowError('CONFIG_INVALID', `${place} has no line of the split ${split}${told(lines)}.`, {
        hint: 'Name another: --split, or data.split and data.validation.split of a training; all are all lines.',
      })
    }
    const folder = root ?? dirname(place)
    const items = new Map<string, Omit<DataItem, 'path'> & { path: string }>()
    for (const line of chosen) add(items, line, folder)
    const there = new Map<string, boolean>()
    for (const { path } of items.values())
      if (!there.has(path)) there.set(path, (await stat(path).catch(() => undefined)) !== undefined)
    const wanted = [...items.values()].map((item) => ({
      ...item,
      path: there.get(item.path) ? item.path : undefined,
    }))
    const classes = [...new Set(chosen.flatMap(({ label }) => label ?? []))].sort()
    const splits = splitsOf(lines)
    return {
      title: place,
      ...(splits.length > 0 && { splits }),
      ...(classes.length > 0 && { classes }),
      ...brokenIn(broken),
      ...locate(wanted, (id) => resolve(folder, id)),
    }
  },
}

const splitsOf = (lines: readonly Line[]): readonly string[] =>
  [...new Set(lines.flatMap((line) => line.split ?? []))].sort()

function told(lines: readonly Line[]): string {
  const splits = splitsOf(lines)
  return splits.length === 0 ? '; it has no column split' : `; it has ${splits.join(', ')}`
}

/** Lines of one video, or of the same part of it, are one item. */
function add(
  items: Map<string, Omit<DataItem, 'path'> & { path: string }>,
  line: Line,
  folder: string,
): void {
  const { path: id = '', captions, label, contrast, start, end } = line
  const key = JSON.stringify([id, start, end])
  const before = items.get(key)
  const named = { label: before?.label ?? label, contrast: before?.contrast ?? contrast }
  items.set(key, {
    ...{ id, path: resolve(folder, id), captions: [...(before?.captions ?? []), ...captions] },
    ...(named.label !== undefined && { label: named.label }),
    ...(named.contrast !== undefined && { contrast: named.contrast }),
    ...(end !== undefined && { segment: { start: start ?? 0, end } }),
  })
}

function linesOf(file: string, content: string): Sifted<Line> {
  const isCsv = extname(file).toLowerCase() === '.csv'
  const rows: Iterable<Placed<unknown>> = isCsv ? csvRows(content) : jsonRows(content)
  return sift(file, rows, lineOf, (why) => invalid(`${file}, ${why}.`))
}

function lineOf(row: unknown): Line | Unreadable {
  const { success, data, error } = Line.safeParse(row)
  if (!success) return new Unreadable(wrong(error))
  if (data.path === undefined) return new Unreadable('there is no path')
  if (data.captions.length === 0 && data.label === undefined)
    return new Unreadable('there is neither a text nor a label')
  if (data.start !== undefined && (data.end === undefined || data.end <= data.start))
    return new Unreadable('a start needs an end after it')
  return data
}

function wrong({ issues }: z.ZodError): string {
  const [field] = issues[0]?.path ?? []
  if (field === undefined) return 'it is no object in {}'
  if (field === 'captions') return 'captions is no list of texts'
  return field === 'start' || field === 'end'
    ? `${field} is no number of seconds`
    : `${String(field)} is no text`
}

function* jsonRows(content: string): Generator<Placed<unknown>> {
  for (const [at, line] of textLines(content)) yield [at, json(line)]
}

function json(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return new Unreadable('it is not JSON')
  }
}

const invalid = (message: string): StanflowError =>
  new StanflowError('CONFIG_INVALID', message, {
    hint: 'A .jsonl line is {"path": "a.mp4", "text": "a dog runs"}; a .csv has a header with path and text or label.',
  })
