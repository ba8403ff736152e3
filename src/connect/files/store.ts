import { setTimeout as sleep } from 'node:timers/promises'
import { StanflowError } from '../../errors.js'
import { NEVER, persist } from '../../persist.js'
import type { Blobs } from '../blobs.js'
import { isTaken } from '../holder.js'
import type { Recipe, Relabel, ResultFormat } from '../store.js'
import { completePart, missingIn, type Wanted } from './complete.js'
import { DeadLetters, readDeadLetterFiles } from './dead-letters.js'
import { FileStore, progressOf } from './file-store.js'
import { Folder } from './folder-blobs.js'
import { outputError } from './fs-errors.js'
import {
  LOCK,
  lockName,
  modelFile,
  newRun,
  PartNames,
  REWRITE_LOCK,
  recipePlace,
  type ShardName,
  samplingSlug,
} from './layout.js'
import { checkModel, readManifests } from './manifest.js'
import { type PartWriter, partWriter } from './part-writer.js'
import { removeLeftovers } from './recover.js'
import type { FileStoreParts, OpenReport } from './store-parts.js'
import { removeFromPart } from './supersede.js'
import { type Stale, VideoIndex } from './video-index.js'

export type { FileStore } from './file-store.js'
export type { OpenReport } from './store-parts.js'

export interface StoreOptions extends Pick<FileStoreParts, 'again' | 'onStored'> {
  /** Where results go. */
  readonly blobs: Blobs
  /** Runs of other shards of as many may be open at the same time. Default: this run is alone. */
  readonly shard?: ShardName
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

export interface FileStoreOptions extends Omit<StoreOptions, 'blobs'> {
  /** The output folder; made when missing. */
  readonly dir: string
}

/** Opens an output folder of this machine. */
export function openFileStore({ dir, ...options }: FileStoreOptions): Promise<FileStore> {
  return openStore({ ...options, blobs: new Folder(dir) })
}

/**
 * Opens an output place for one recipe: takes its lock, removes what never was committed, learns what is stored,
 * and gives older parts the labels and format asked for, from their stored vectors.
 * @throws StanflowError OUTPUT_LOCKED, OUTPUT_PERMISSION, OUTPUT_FULL, OUTPUT_WRITE, OUTPUT_CORRUPT, S3_*
 */
export async function openStore(options: StoreOptions): Promise<FileStore> {
  const { blobs, recipe, shard, version } = options
  if (recipe.dim < 1) throw new StanflowError('INTERNAL', 'An embedding needs at least one dimension.')
  await blobs.open()
  const run = newRun()
  const mine = lockName(shard)
  const again = options.again ?? NEVER
  const lock = await persist(() => blobs.lock(mine, run), again)
  // Whatever of it was done before, doing it again changes nothing.
  const begin = async (): Promise<FileStore> => {
    const others = async () => (await blobs.holders(LOCK)).filter(({ name }) => name !== mine)
    const alive = async () => {
      const held = await others()
      const rival = held.find(({ name }) => !isBeside(name, shard))
      if (rival !== undefined) throw rivalError(rival.who, rival.name)
      return new Set(held.map(({ run }) => run))
    }
    const removed = await removeLeftovers(blobs, alive)
    const rewrite = (change: () => Promise<void>): Promise<void> =>
      shard === undefined ? change() : inTurn(blobs, run, change)
    const writer = partWriter(blobs, recipe, version)
    const { index, completed, relabelled } = await bringUpToDate(writer, options, rewrite)
    const described = { digest: recipe.modelDigest, dim: recipe.dim, ...recipe.model }
    await blobs.write(modelFile(recipe.modelDigest), `${JSON.stringify(described, null, 2)}\n`)
    const names = { model: recipe.modelDigest, sample: samplingSlug(recipe.sampling) }
    const letters = new DeadLetters(blobs, shard, names, await readDeadLetterFiles(blobs))
    letters.settleAll((source) => {
      const stored = index.get(source)
      return stored?.done ? stored.lastPart : undefined
    })
    const partNames = new PartNames(run, index.parts.at(-1))
    const opened: OpenReport = {
      leftoversRemoved: removed,
      clipsCompleted: completed,
      clipsRelabelled: relabelled,
    }
    return new FileStore({ ...options, writer, index, letters, lock, rewrite, partNames, opened })
  }
  try {
    return await persist(begin, again)
  } catch (error) {
    await lock.release().catch(() => {})
    throw error instanceof StanflowError ? error : outputError(blobs.location, error)
  }
}

/** Whether a run with that lock may work beside this shard: another shard of as many. */
function isBeside(name: string, shard: ShardName | undefined): boolean {
  if (shard === undefined) return false
  return Array.from({ length: shard.of }, (_, index) => lockName({ index, of: shard.of })).includes(name)
}

function rivalError(who: string, name: string): StanflowError {
  return new StanflowError('OUTPUT_LOCKED', `${who} writes to this place and holds ${name}.`, {
    hint: 'Only shards of the same n work side by side, such as --shard 0/4 to 3/4; wait for the other run, or give this one another --to.',
  })
}

/** How often and how long a run waits for another to have rewritten a part. */
const TURN_MS = 250
const TURNS = 2400

async function inTurn(blobs: Blobs, run: string, change: () => Promise<void>): Promise<void> {
  for (let turn = 1; ; turn++) {
    const lock = await blobs.lock(REWRITE_LOCK, run).catch((error: unknown) => {
      if (!isTaken(error) || turn === TURNS) throw error
      return undefined
    })
    if (lock === undefined) {
      await sleep(TURN_MS)
      continue
    }
    try {
      await change()
    } finally {
      await lock.release()
    }
    return
  }
}

/** What a place has of a recipe, without a lock and without writing: for dry runs. */
export async function peekStore(
  blobs: Blobs,
  recipe: Recipe,
): Promise<Pick<FileStore, 'progress' | 'known'>> {
  const { index } = await scan(blobs, recipe)
  return {
    progress: (video) => progressOf(index, video),
    known: (source, bytes, modifiedMs) => index.unchanged({ source, bytes, modifiedMs }),
  }
}

/** Reads all manifests of a recipe. */
async function scan(blobs: Blobs, recipe: Recipe, wanted?: Wanted) {
  const place = recipePlace(recipe)
  const index = new VideoIndex()
  const stale: Stale[] = []
  const incomplete: { readonly part: string; readonly clips: number; readonly labels: boolean }[] = []
  for await (const manifest of readManifests(blobs, place)) {
    checkModel(blobs, place, manifest, recipe)
    stale.push(...index.add(manifest))
    const missing = wanted === undefined ? undefined : missingIn(manifest, wanted)
    if (missing?.embeddings || missing?.labels)
      incomplete.push({ part: manifest.part, clips: manifest.rows, labels: missing.labels })
  }
  return { index, stale, incomplete }
}

/** Brings what is stored to the state asked for. */
async function bringUpToDate(
  writer: PartWriter,
  { blobs, recipe, format, ...options }: StoreOptions,
  rewrite: (change: () => Promise<void>) => Promise<void>,
) {
  const wanted: Wanted = { format, labelSet: recipe.labelSetDigest, relabel: options.relabel }
  let found = await scan(blobs, recipe, wanted)
  let completed = 0
  let relabelled = 0
  if (found.stale.length > 0 || found.incomplete.length > 0) {
    await rewrite(async () => {
      // Whoever had the turn before may have done it.
      found = await scan(blobs, recipe, wanted)
      if (found.stale.length > 0) {
        for (const stale of found.stale) await removeFromPart(writer, stale)
        found = await scan(blobs, recipe, wanted)
      }
      const total = found.incomplete.reduce((sum, { clips }) => sum + clips, 0)
      for (const { part, clips, labels } of found.incomplete) {
        await completePart(writer, part, wanted)
        completed += clips
        if (labels) relabelled += clips
        options.onComplete?.(completed, total)
      }
    })
  }
  return { index: found.index, completed, relabelled }
}
