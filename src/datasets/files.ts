import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse as parseCsv } from 'csv-parse/sync'
import type { z } from 'zod'
import { StanflowError } from '../errors.js'

/**
 * A data set's annotation file: `place` itself where that is a file, else the first of `names` in the folder or in one of its
 * folders. @throws StanflowError INPUT_NOT_FOUND
 */
export async function annotationFile(place: string, names: readonly string[]): Promise<string> {
  const facts = await stat(place).catch(() => undefined)
  if (facts === undefined) throw new StanflowError('INPUT_NOT_FOUND', `There is no data set at ${place}.`)
  if (facts.isFile()) return place
  const found = await optionalFile(place, names)
  if (found !== undefined) return found
  throw new StanflowError('INPUT_NOT_FOUND', `${place} has no ${names.join(' and no ')}.`, {
    hint: 'Name the folder with the annotations as they are published, or the file itself; --root names where the videos lie.',
  })
}

/** The same, where it need not be there. */
export async function optionalFile(folder: string, names: readonly string[]): Promise<string | undefined> {
  const inside = await readdir(folder, { withFileTypes: true })
  const folders = inside.filter((entry) => !entry.isFile()).map(({ name }) => join(folder, name))
  for (const name of names) {
    for (const candidate of [folder, ...folders.sort()].map((at) => join(at, name))) {
      if (await isFile(candidate)) return candidate
    }
  }
  return undefined
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  )

/** The folder of a place that may be a file. */
export async function folderOf(place: string): Promise<string> {
  return (await isFile(place)) ? dirname(place) : place
}

/** @throws StanflowError CONFIG_INVALID */
export async function readText(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid(file, 'cannot be read', cause)
  })
  return text.replace(/^\uFEFF/, '')
}

/** @throws StanflowError CONFIG_INVALID */
export async function readJson<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S>> {
  let json: unknown
  try {
    json = JSON.parse(await readText(file))
  } catch (cause) {
    if (cause instanceof StanflowError) throw cause
    throw invalid(file, 'is not JSON', cause)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(file, `is not in the published format: ${issue?.path.join('.')}: ${issue?.message}`)
}

/** Rows of a CSV with a header. @throws StanflowError CONFIG_INVALID */
export async function readCsv<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S>[]> {
  return rowsOf(file, await readText(file)).map((row, n) => {
    const parsed = schema.safeParse(row)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw invalid(file, `line ${n + 2}: ${issue?.path.join('.')}: ${issue?.message}`)
  })
}

export function rowsOf(file: string, content: string): unknown[] {
  try {
    return parseCsv(content, { columns: true, skip_empty_lines: true, trim: true }) as unknown[]
  } catch (cause) {
    throw invalid(file, 'is not CSV', cause)
  }
}

export function invalid(file: string, why: string, cause?: unknown): StanflowError {
  return new StanflowError('CONFIG_INVALID', `The annotations ${file}: ${why}.`, {
    hint: 'docs/evaluation.md says what each data set looks like.',
    ...(cause !== undefined && { cause }),
  })
}
