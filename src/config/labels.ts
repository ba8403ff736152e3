import { readFile, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { z } from 'zod'
import { StanflowError } from '../errors.js'
import { isLabelFile, LABEL_FILE_TYPES } from './label-file.js'
import { readYamlText } from './yaml.js'

/** What to look for in videos. */
export interface Labels {
  readonly labels: readonly string[]
  /** Templates that the label file brings along. */
  readonly prompts?: readonly string[]
}

/**
 * Labels, trimmed and each once, in the order given: from a list, from `"cat, dog"`, or from a file: `.txt` with one
 * a line, `.jsonl` with one `{"label": "…"}` a line, `.yaml` (or `.json`) with a list or with `labels` and `prompts`.
 * @throws StanflowError CONFIG_INVALID
 */
export async function readLabels(given: string | readonly string[]): Promise<Labels> {
  if (typeof given !== 'string') return checked({ labels: given }, 'The label list')
  if (isLabelFile(given)) return checked(parse(await read(given), given), `The label file ${given}`)
  await refuseOtherFiles(given)
  return checked({ labels: given.split(',') }, 'The label list')
}

async function read(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`
    throw invalid(
      `The label file ${path} ${why}.`,
      'Check --labels; a path is relative to where you are.',
      cause,
    )
  })
  return text.replace(/^\uFEFF/, '')
}

/** A file of another kind would pass for a label that no one meant. */
async function refuseOtherFiles(given: string): Promise<void> {
  const isFile = await stat(given).then(
    (found) => found.isFile(),
    () => false,
  )
  if (isFile && extname(given) !== '') {
    throw invalid(`The label file ${given} is of no known kind.`, `Name it ${LABEL_FILE_TYPES.join(', ')}.`)
  }
}

function parse(text: string, path: string): Labels {
  const type = extname(path).toLowerCase()
  if (type === '.txt') return { labels: text.split('\n').filter((line) => !line.startsWith('#')) }
  if (type === '.jsonl') return { labels: text.split('\n').flatMap((line, n) => fromJson(line, path, n + 1)) }
  return fromYaml(text, path)
}

const jsonLine = z.union([z.string(), z.object({ label: z.string() }).transform(({ label }) => label)])

function fromJson(line: string, path: string, number: number): string[] {
  if (line.trim() === '') return []
  try {
    return [jsonLine.parse(JSON.parse(line))]
  } catch (cause) {
    throw invalid(
      `${path}:${number} is no label.`,
      'Each line looks like {"label": "a dog that runs"}.',
      cause,
    )
  }
}

const word = z.union([z.string(), z.number().transform(String)])
const yamlFile = z.union([
  z.array(word).transform((labels): Labels => ({ labels })),
  z.strictObject({ labels: z.array(word), prompts: z.exactOptional(z.array(z.string())) }),
])

function fromYaml(text: string, path: string): Labels {
  try {
    return yamlFile.parse(readYamlText(text).plain)
  } catch (cause) {
    const hint = 'It holds a list, or "labels:" with a list and perhaps "prompts:" with another.'
    throw invalid(`The label file ${path} is not understood.`, hint, cause)
  }
}

function checked({ labels, prompts }: Labels, subject: string): Labels {
  const clean = tidy(labels)
  if (clean.length === 0)
    throw invalid(`${subject} holds no label.`, 'Leave --labels out for embeddings only.')
  if (prompts === undefined) return { labels: clean }
  const without = prompts.find((prompt) => !prompt.includes('{}'))
  if (without !== undefined) {
    throw invalid(`${subject} has the prompt "${without}" without {}.`, 'The label takes the place of {}.')
  }
  return { labels: clean, ...(prompts.length > 0 && { prompts: tidy(prompts) }) }
}

const tidy = (texts: readonly string[]): string[] => [
  ...new Set(texts.map((text) => text.trim()).filter((text) => text !== '')),
]

function invalid(message: string, hint: string, cause?: unknown): StanflowError {
  return new StanflowError('CONFIG_INVALID', message, { hint, cause })
}
