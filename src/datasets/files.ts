import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { z } from 'zod'
import { StanflowError } from '../errors.js'
import { csvRows } from './csv.js'
import { invalid } from './invalid.js'
import { type Placed, type Sifted, sift, Unreadable } from './sift.js'

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
    throw invalid(file, 'cannot be read', { cause })
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
    throw invalid(file, 'is not JSON', { cause })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw invalid(file, `is not in the published format: ${firstIssue(parsed.error)}`)
}

/** Entries of a JSON list, each by itself. @throws StanflowError CONFIG_INVALID where it is no list, or all are broken */
export function siftEntries<S extends z.ZodType>(
  file: string,
  entries: readonly unknown[],
  schema: S,
): Sifted<z.output<S>> {
  const placed = entries.map((entry, n): Placed<unknown> => [`entry ${n + 1}`, entry])
  return sift(file, placed, bySchema(schema))
}

/** Rows of a CSV with a header, each by itself. @throws StanflowError CONFIG_INVALID where all are broken */
export async function readCsv<S extends z.ZodType>(file: string, schema: S): Promise<Sifted<z.output<S>>> {
  return sift(file, csvRows(await readText(file)), bySchema(schema))
}

const bySchema =
  <S extends z.ZodType>(schema: S) =>
  (row: unknown): z.output<S> | Unreadable => {
    const parsed = schema.safeParse(row)
    return parsed.success ? parsed.data : new Unreadable(firstIssue(parsed.error))
  }

interface Issues {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

function firstIssue({ issues: [issue] }: Issues): string {
  return [issue?.path.join('.'), issue?.message].filter((part) => part).join(': ')
}
