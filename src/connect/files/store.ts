import { join } from 'node:path'
import { StanflowError } from '../../errors.js'
import type { Recipe, Relabel, ResultFormat } from '../store.js'
import { writeWhole } from './atomic.js'
import { completePart, isIncomplete, type Wanted } from './complete.js'
import { DeadLetters, readDeadLetterFile } from './dead-letters.js'
import { FileStore, progressOf } from './file-store.js'
import { makeFolder } from './folder.js'
import { outputError } from './fs-errors.js'
import { modelFile, PartNames, recipePlace, samplingSlug } from './layout.js'
import { takeLock } from './lock.js'
import { checkModel, listParts, readManifest } from './manifest.js'
import { type PartWriter, partWriter } from './part-writer.js'
import { removeLeftovers } from './recover.js'
import type { OpenReport } from './store-parts.js'
import { removeFromPart } from './supersede.js'
import { type Stale, VideoIndex } from './video-index.js'

export type { FileStore } from './file-store.js'
export type { OpenReport } from './store-parts.js'

export interface FileStoreOptions {
  /** The output folder; made when missing. */
  readonly dir: string
  readonly recipe: Recipe
  readonly format: ResultFormat
  /** Seconds of results that a crash may cost at most. */
  readonly checkpointSeconds: number
  /** Clips held in memory at most before they are stored. Default 4096. */
  readonly checkpointClips?: number
  /** Labels stored clips under a new label set; without it, older parts stay without these labels. */
  readonly relabel?: Relabel
  /** Of stanflow. */
  readonly version: string
  /** Told while older parts are given the labels or format they lack. */
  readonly onComplete?: (clips: number, of: number) => void
}

/**
 * Opens an output folder for one recipe: takes its lock, removes what never was committed, learns what is stored,
 * and gives older parts the labels and format asked for, from their stored vectors.
 * @throws StanflowError OUTPUT_LOCKED, OUTPUT_PERMISSION, OUTPUT_FULL, OUTPUT_WRITE, OUTPUT_CORRUPT
 */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  const { dir, recipe, version } = options
  if (recipe.dim < 1) throw new StanflowError('INTERNAL', 'An embedding needs at least one dimension.')
  await makeFolder(dir).catch((error: unknown) => {
    throw outputError(dir, error)
  })
  const lock = await takeLock(dir)
  try {
    const removed = await removeLeftovers(dir)
    const writer = partWriter(dir, recipe, version)
    const { index, completed } = await bringUpToDate(writer, options)
    const described = { digest: recipe.modelDigest, dim: recipe.dim, ...recipe.model }
    await writeWhole(join(dir, modelFile(recipe.modelDigest)), `${JSON.stringify(described, null, 2)}\n`)
    const names = { model: recipe.modelDigest, sample: samplingSlug(recipe.sampling) }
    const letters = new DeadLetters(dir, names, await readDeadLetterFile(dir))
    letters.settleAll((source) => {
      const stored = index.get(source)
      return stored?.done ? stored.lastPart : undefined
    })
    const partNames = new PartNames(index.parts.at(-1))
    const opened: OpenReport = { leftoversRemoved: removed, clipsCompleted: completed }
    return new FileStore({ ...options, writer, index, letters, lock, partNames, opened })
  } catch (error) {
    await lock.release().catch(() => {})
    throw error instanceof StanflowError ? error : outputError(dir, error)
  }
}

/** What a folder has of a recipe, without a lock and without writing: for dry runs. */
export async function peekFileStore(
  dir: string,
  recipe: Recipe,
): Promise<Pick<FileStore, 'progress' | 'known'>> {
  const { index } = await scan(dir, recipe)
  return {
    progress: (video) => progressOf(index, video),
    known: (source, bytes, modifiedMs) => index.unchanged({ source, bytes, modifiedMs }),
  }
}

/** Reads all manifests of a recipe. */
async function scan(dir: string, recipe: Recipe, wanted?: Wanted) {
  const place = recipePlace(recipe)
  const index = new VideoIndex()
  const stale: Stale[] = []
  const incomplete: { readonly part: string; readonly clips: number }[] = []
  for (const part of await listParts(dir, place)) {
    const manifest = await readManifest(dir, place, part)
    checkModel(dir, place, manifest, recipe)
    stale.push(...index.add(manifest))
    if (wanted !== undefined && isIncomplete(manifest, wanted))
      incomplete.push({ part, clips: manifest.rows })
  }
  return { index, stale, incomplete }
}

/** Brings what is stored to the state asked for. */
async function bringUpToDate(writer: PartWriter, { dir, recipe, format, ...options }: FileStoreOptions) {
  const wanted: Wanted = { format, labelSet: recipe.labelSetDigest, relabel: options.relabel }
  let found = await scan(dir, recipe, wanted)
  if (found.stale.length > 0) {
    for (const stale of found.stale) await removeFromPart(writer, stale)
    found = await scan(dir, recipe, wanted)
  }
  const { index, incomplete } = found
  const total = incomplete.reduce((sum, { clips }) => sum + clips, 0)
  let completed = 0
  for (const { part, clips } of incomplete) {
    await completePart(writer, part, wanted)
    completed += clips
    options.onComplete?.(completed, total)
  }
  return { index, completed }
}
