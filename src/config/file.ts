import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, isScalar, LineCounter } from 'yaml'
import { StanflowError } from '../errors.js'
import { mostSimilar } from './similar.js'
import { readYamlText, type YamlProblem } from './yaml.js'

export const CONFIG_FILE = 'stanflow.yaml'
/** Names the file where no `--config` does. */
export const CONFIG_VARIABLE = 'STANFLOW_CONFIG'

/** A value as the file has it, and where. */
export interface FileValue {
  readonly value: unknown
  readonly line: number
}

export interface ConfigFile {
  /** As the user would name it. */
  readonly name: string
  readonly folder: string
  readonly values: ReadonlyMap<string, FileValue>
}

/**
 * Reads the file named, or `stanflow.yaml` in `cwd` if there is one.
 * @throws StanflowError CONFIG_INVALID
 */
export async function readConfigFile(
  cwd: string,
  named: string | undefined,
  known: readonly string[],
): Promise<ConfigFile | undefined> {
  const path = resolve(cwd, named ?? CONFIG_FILE)
  const name = named ?? CONFIG_FILE
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (named === undefined && cause.code === 'ENOENT') return undefined
    throw new StanflowError(
      'CONFIG_INVALID',
      `The configuration file ${name} cannot be read (${cause.code}).`,
      {
        hint: `Check the path given with --config or ${CONFIG_VARIABLE}, or leave both out to use ${CONFIG_FILE} here.`,
        cause,
      },
    )
  })
  if (text === undefined) return undefined
  return { name, folder: dirname(path), values: parse(text, name, known) }
}

function parse(text: string, name: string, known: readonly string[]): Map<string, FileValue> {
  const lines = new LineCounter()
  const lineOf = (offset: number | undefined): number => lines.linePos(offset ?? 0).line
  let document: Document.Parsed
  let read: unknown
  try {
    ;({ document, plain: read } = readYamlText(text, lines))
  } catch (error) {
    const { message, at } = error as YamlProblem
    const place = at === undefined ? name : `${name}:${lineOf(at)}`
    throw invalid(`${place}: ${message}.`, 'The file must be valid YAML.')
  }
  if (document.contents === null) return new Map()
  if (!isMap(document.contents)) {
    throw invalid(`${name} must hold one "key: value" a line.`, 'For example: "batch: 16".')
  }
  const plain = read as Readonly<Record<string, unknown>>
  const values = new Map<string, FileValue>()
  for (const { key } of document.contents.items) {
    const word = String(key)
    const line = lineOf(isScalar(key) ? key.range?.[0] : undefined)
    if (!known.includes(word)) throw unknownKey(word, `${name}:${line}`, known)
    values.set(word, { value: plain[word], line })
  }
  return values
}

function unknownKey(word: string, place: string, known: readonly string[]): StanflowError {
  const meant = mostSimilar(word, known)
  const hint = meant === undefined ? `The keys are: ${known.join(', ')}.` : `Did you mean "${meant}"?`
  return invalid(`${place}: there is no setting "${word}".`, hint)
}

const invalid = (message: string, hint: string) => new StanflowError('CONFIG_INVALID', message, { hint })
