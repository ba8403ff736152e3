import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { StanflowError } from '../../../errors.js'
import { inputError } from '../fs-errors.js'

/** A line of a list: the path it names, or why it names none. */
export type ListLine =
  | { readonly line: number; readonly path: string }
  | { readonly line: number; readonly error: StanflowError }

/**
 * Reads a list line by line. `.txt`: a path a line, `#` begins a comment line. `.jsonl`: an object a line with `path`.
 * Blank lines are passed over.
 * @throws StanflowError INPUT_NOT_FOUND, INPUT_PERMISSION, INPUT_READ
 */
export async function* readList(list: string): AsyncGenerator<ListLine> {
  const parse = isJsonList(list) ? jsonPath : textPath
  const stream = createReadStream(list, 'utf8')
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
  let line = 0
  try {
    for await (const raw of lines) {
      line += 1
      const text = (line === 1 ? raw.replace(/^\uFEFF/, '') : raw).trim()
      if (text === '' || text.startsWith('#')) continue
      const path = parse(text)
      yield path === undefined ? { line, error: invalid(list, line) } : { line, path }
    }
  } catch (error) {
    throw inputError(list, error)
  } finally {
    lines.close()
    stream.destroy()
  }
}

export function isList(path: string): boolean {
  return /\.(?:txt|jsonl)$/i.test(path)
}

function isJsonList(path: string): boolean {
  return /\.jsonl$/i.test(path)
}

function textPath(text: string): string | undefined {
  return text.includes('\0') ? undefined : text
}

function jsonPath(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('path' in value)) return undefined
    return typeof value.path === 'string' && value.path !== '' ? textPath(value.path) : undefined
  } catch {
    return undefined
  }
}

function invalid(list: string, line: number): StanflowError {
  return new StanflowError('INPUT_LIST_INVALID', `Line ${line} of ${list} names no path.`)
}
