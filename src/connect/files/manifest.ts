import { z } from 'zod'
import type { Blobs } from '../blobs.js'
import type { Recipe } from '../store.js'
import { corrupt } from './fs-errors.js'
import { inOrder } from './in-order.js'
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
  /** In a bucket, the object's. */
  etag: z.string().optional(),
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

/** The commit of a new part. @throws StanflowError INTERNAL where there is one of that name */
export async function commitManifest(blobs: Blobs, place: RecipePlace, value: Manifest): Promise<void> {
  const name = manifestFile(place, value.part)
  const text = written(value)
  if (await blobs.create(name, text)) return
  // An answer that was lost on its way makes a call look undone.
  const found = await blobs.read(name)
  if (found !== undefined && Buffer.from(found).toString() === text) return
  throw corrupt(blobs.at(name), 'is there already, and another one')
}

/** Replaces the manifest of a part. */
export async function rewriteManifest(blobs: Blobs, place: RecipePlace, value: Manifest): Promise<void> {
  await blobs.write(manifestFile(place, value.part), written(value))
}

const written = (value: Manifest): string => `${JSON.stringify(value)}\n`

/**
 * `undefined` where the part is no more: everything in it was replaced.
 * @throws StanflowError OUTPUT_CORRUPT when it is no manifest of this part
 */
export async function readManifest(
  blobs: Blobs,
  place: RecipePlace,
  part: string,
): Promise<Manifest | undefined> {
  const name = manifestFile(place, part)
  const bytes = await blobs.read(name)
  if (bytes === undefined) return undefined
  let value: Manifest
  try {
    value = manifest.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch (error) {
    throw corrupt(blobs.at(name), 'is no manifest that stanflow wrote', undefined, error)
  }
  if (value.part !== part) throw corrupt(blobs.at(name), `is the manifest of another part, ${value.part}`)
  return value
}

/** The committed parts of a recipe, oldest first. */
export async function listParts(blobs: Blobs, place: RecipePlace): Promise<string[]> {
  const parts: string[] = []
  for await (const name of blobs.list(manifestFolder(place))) {
    const part = name.endsWith('.json') ? partOf(name.slice(name.lastIndexOf('/') + 1)) : undefined
    if (part !== undefined) parts.push(part)
  }
  return parts.sort()
}

/** Their manifests, oldest first; several are read at a time. */
export async function* readManifests(blobs: Blobs, place: RecipePlace): AsyncGenerator<Manifest> {
  const parts = await listParts(blobs, place)
  for await (const found of inOrder(parts, (part) => readManifest(blobs, place, part))) {
    if (found !== undefined) yield found
  }
}

/** The recipes that have a manifest folder. */
export async function listRecipes(blobs: Blobs): Promise<RecipePlace[]> {
  const places = new Map<string, RecipePlace>()
  for await (const name of blobs.list('manifest')) {
    const [, model = '', sample = ''] = name.split('/')
    if (model.startsWith('model=') && sample.startsWith('sample=')) {
      places.set(`${model}/${sample}`, { model, sample })
    }
  }
  return [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place)
}

/** Refuses to mix: a manifest beside ours must be of the very same model. */
export function checkModel(blobs: Blobs, place: RecipePlace, found: Manifest, recipe: Recipe): void {
  if (found.modelDigest === recipe.modelDigest && found.dim === recipe.dim) return
  throw corrupt(
    blobs.at(manifestFile(place, found.part)),
    'belongs to another model whose digest begins the same',
    'Give this model another --to folder.',
  )
}
