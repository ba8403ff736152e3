import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Recipe } from '../store.js'
import { writeWhole } from './atomic.js'
import { corrupt, outputError, systemCode } from './fs-errors.js'
import { manifestFile, manifestFolder, partOf, type RecipePlace } from './layout.js'

const count = z.int().nonnegative()

const partFile = z.object({
  /** Relative to the output folder. */
  path: z.string(),
  kind: z.enum(['embeddings', 'labels']),
  format: z.enum(['parquet', 'jsonl', 'npy']),
  /** Whole digest; labels only. */
  labelSet: z.string().optional(),
  rows: count,
  bytes: count,
  sha256: z.string(),
})

const videoEntry = z.object({
  source: z.string(),
  path: z.string(),
  bytes: z.number(),
  modifiedMs: z.number(),
  fingerprint: z.string(),
  /** The part holds clips `[from, to)`. */
  clips: z.tuple([count, count]),
  done: z.boolean(),
  /** How many clips the video has, once it is known. */
  total: count.nullable(),
})

const sampling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('uniform'), frames: z.number() }),
  z.object({ kind: z.literal('window'), frames: z.number(), length: z.number(), stride: z.number() }),
])

const manifest = z.object({
  part: z.string(),
  /** Version of stanflow that wrote it. */
  stanflow: z.string(),
  modelDigest: z.string(),
  dim: z.int().positive(),
  sampling,
  rows: count,
  files: z.array(partFile),
  videos: z.array(videoEntry),
})

/** A file of a part, as its manifest names it. */
export type PartFile = Readonly<z.infer<typeof partFile>>

/** What a part holds of one video. */
export type VideoEntry = Readonly<z.infer<typeof videoEntry>>

/** What makes a part: its data files count only once this file names them. */
export interface Manifest extends Omit<z.infer<typeof manifest>, 'files' | 'videos'> {
  readonly files: readonly PartFile[]
  readonly videos: readonly VideoEntry[]
}

/** Writes a manifest whole: the commit of the part. */
export async function writeManifest(dir: string, place: RecipePlace, value: Manifest): Promise<void> {
  await writeWhole(join(dir, manifestFile(place, value.part)), `${JSON.stringify(value)}\n`)
}

/** @throws StanflowError OUTPUT_CORRUPT when it is no manifest of this part */
export async function readManifest(dir: string, place: RecipePlace, part: string): Promise<Manifest> {
  const path = join(dir, manifestFile(place, part))
  let value: Manifest
  try {
    value = manifest.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (systemCode(error) !== undefined) throw outputError(path, error)
    throw corrupt(path, 'is no manifest that stanflow wrote', undefined, error)
  }
  if (value.part !== part) throw corrupt(path, `is the manifest of another part, ${value.part}`)
  return value
}

/** The committed parts of a recipe, oldest first. */
export async function listParts(dir: string, place: RecipePlace): Promise<string[]> {
  const names = await namesIn(join(dir, manifestFolder(place)))
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => partOf(name) ?? [])
    .sort()
}

/** The recipes that have a manifest folder. */
export async function listRecipes(dir: string): Promise<RecipePlace[]> {
  const models = (await namesIn(join(dir, 'manifest'))).filter((name) => name.startsWith('model=')).sort()
  const places: RecipePlace[] = []
  for (const model of models) {
    for (const sample of (await namesIn(join(dir, 'manifest', model))).sort()) {
      if (sample.startsWith('sample=')) places.push({ model, sample })
    }
  }
  return places
}

/** Refuses to mix: a manifest beside ours must be of the very same model. */
export function checkModel(dir: string, place: RecipePlace, found: Manifest, recipe: Recipe): void {
  if (found.modelDigest === recipe.modelDigest && found.dim === recipe.dim) return
  throw corrupt(
    join(dir, manifestFile(place, found.part)),
    'belongs to another model whose digest begins the same',
    'Give this model another --to folder.',
  )
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return []
    throw outputError(folder, error)
  }
}
