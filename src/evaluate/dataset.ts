import { readFile } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { parse as parseCsv } from 'csv-parse/sync'
import { z } from 'zod'
import { StanflowError } from '../errors.js'

/** A line of a data set: a video with a caption, a class, or both. */
export interface Item {
  /** Absolute. */
  readonly path: string
  readonly text?: string
  readonly label?: string
  /** A label that the right one must be told from. */
  readonly contrast?: string
}

const words = z.string().trim().min(1)
/** Empty cells of a CSV say nothing. */
const maybe = z.preprocess((value) => (value === '' ? undefined : value), words.optional())

const Line = z
  .object({
    path: maybe,
    video: maybe,
    text: maybe,
    caption: maybe,
    label: maybe,
    contrast: maybe,
  })
  .transform(({ path, video, text, caption, label, contrast }) => ({
    path: path ?? video,
    text: text ?? caption,
    label,
    contrast,
  }))

/**
 * Reads a `.jsonl` or a `.csv` with a header: `path` (or `video`), `text` (or `caption`) and `label`; other columns are passed
 * over. A video may have several lines. Paths are relative to `root`, or to the file. @throws StanflowError CONFIG_INVALID
 */
export async function readDataset(file: string, root?: string): Promise<readonly Item[]> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid(`The data set ${file} cannot be read.`, cause)
  })
  const folder = root ?? dirname(file)
  const items = rowsOf(file, content.replace(/^\uFEFF/, '')).map(([row, number]) => {
    const { success, data } = Line.safeParse(row)
    if (!success || data.path === undefined)
      throw invalid(`${file}, line ${number}: there is no path, or a field is no text.`)
    const { path, text, label, contrast } = data
    if (text === undefined && label === undefined)
      throw invalid(`${file}, line ${number}: there is neither a text nor a label.`)
    return {
      path: resolve(folder, path),
      ...(text !== undefined && { text }),
      ...(label !== undefined && { label }),
      ...(contrast !== undefined && { contrast }),
    }
  })
  if (items.length === 0) throw invalid(`The data set ${file} is empty.`)
  return items
}

function rowsOf(file: string, content: string): (readonly [unknown, number])[] {
  if (extname(file).toLowerCase() === '.csv') {
    try {
      const rows = parseCsv(content, { columns: true, skip_empty_lines: true, trim: true }) as unknown[]
      return rows.map((row, n) => [row, n + 2])
    } catch (cause) {
      throw invalid(`${file} is not CSV.`, cause)
    }
  }
  return content.split('\n').flatMap((line, n) => {
    if (line.trim() === '') return []
    try {
      return [[JSON.parse(line) as unknown, n + 1] as const]
    } catch (cause) {
      throw invalid(`${file}, line ${n + 1} is not JSON.`, cause)
    }
  })
}

const invalid = (message: string, cause?: unknown): StanflowError =>
  new StanflowError('CONFIG_INVALID', message, {
    hint: 'A .jsonl line is {"path": "a.mp4", "text": "a dog runs"}; a .csv has a header with path and text or label.',
    ...(cause !== undefined && { cause }),
  })
