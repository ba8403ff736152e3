import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { StanflowError } from '../../errors.js'
import { openSafetensors } from '../formats/safetensors.js'
import type { Checkpoint, StoredTensor } from '../formats/stored.js'
import { openTorchCheckpoint } from '../formats/torch.js'

/** Weights to import: one or more files, and the folder whose `config.json` and tokenizer belong to them. */
export interface Source {
  readonly files: readonly string[]
  readonly folder: string | undefined
}

/** Preferred first, as Hugging Face's own loader does; an index names the shards of a checkpoint in pieces. */
export const WEIGHT_FILES = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const
const BRANCH = 'branch.safetensors'

/** Finds the weight files behind a path: a file, an index of shards, or a model folder. @throws StanflowError MODEL_NOT_FOUND */
export function findSource(path: string): Source {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined)
    throw new StanflowError('MODEL_NOT_FOUND', `there is no file or folder ${path}`, {
      hint: 'Check the path.',
    })
  if (!stats.isDirectory())
    return path.endsWith('.index.json')
      ? { files: shards(path), folder: dirname(path) }
      : { files: [path], folder: undefined }
  const weights = WEIGHT_FILES.find((name) => existsSync(join(path, name)))
  if (weights === undefined) {
    throw new StanflowError('MODEL_NOT_FOUND', `there are no weights in the folder ${path}`, {
      hint: `Looked for ${WEIGHT_FILES.join(', ')}. Name another file itself.`,
    })
  }
  const found = findSource(join(path, weights)).files
  const branch = join(path, BRANCH)
  return { files: existsSync(branch) ? [...found, branch] : found, folder: path }
}

/** The files that an index names, each once. @throws StanflowError MODEL_WEIGHTS, MODEL_NOT_FOUND */
export function shards(index: string): string[] {
  let names: string[]
  try {
    names = shardNames(readFileSync(index, 'utf8'))
  } catch (cause) {
    throw new StanflowError('MODEL_WEIGHTS', `${index} is no index of shards`, { cause })
  }
  const files = names.map((name) => join(dirname(index), name))
  const missing = files.find((file) => !existsSync(file))
  if (missing !== undefined)
    throw new StanflowError('MODEL_NOT_FOUND', `there is no ${missing}, which ${basename(index)} names`)
  return files
}

/** Shards in an index's text. @throws for one that is no index, or names anything but files beside itself */
export function shardNames(index: string): string[] {
  const { weight_map: map } = JSON.parse(index) as { weight_map?: Record<string, unknown> }
  const names = [...new Set(Object.values(map ?? {}))]
  const plain = (name: unknown): name is string =>
    typeof name === 'string' && /^[\w.-]+$/.test(name) && !name.startsWith('.')
  if (names.length === 0 || !names.every(plain)) throw new TypeError('the index names no files beside it')
  return names.sort()
}

/** Opens one weight file by what is in it, whatever it is called. @throws StanflowError MODEL_* */
export async function openWeights(path: string): Promise<Checkpoint> {
  const head = Buffer.alloc(16)
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (cause) {
    throw new StanflowError('MODEL_NOT_FOUND', `cannot open the weights ${path}`, { cause })
  }
  try {
    await file.read(head, 0, head.length, 0)
  } finally {
    await file.close()
  }
  if (head.toString('latin1', 8, 9) === '{') return openSafetensors(path)
  if (head.toString('latin1', 0, 2) === 'PK' || head[0] === 0x80) return openTorchCheckpoint(path)
  throw new StanflowError('MODEL_WEIGHTS', `${path} is neither safetensors nor a PyTorch file`, {
    hint: 'A page or a Git LFS pointer may have been saved in its place; fetch the file again.',
  })
}

/** All files as one. @throws StanflowError MODEL_* */
export async function openSource(files: readonly string[]): Promise<Checkpoint> {
  const opened: Checkpoint[] = []
  const close = (): void => {
    for (const file of opened) file.close()
  }
  try {
    for (const file of files) opened.push(await openWeights(file))
    const tensors = new Map<string, StoredTensor>(opened.flatMap((file) => [...file.tensors]))
    const metadata = Object.assign({}, ...opened.map((file) => file.metadata)) as Record<string, string>
    return { tensors, skipped: opened.flatMap(({ skipped }) => skipped), metadata, close }
  } catch (error) {
    close()
    throw error
  }
}

/** sha256 of a file, hex. */
export async function hashFile(
  path: string,
  onBytes?: (count: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted()
    hash.update(chunk as Buffer)
    onBytes?.((chunk as Buffer).length)
  }
  return hash.digest('hex')
}
