import { z } from 'zod'
import type { Blobs } from '../src/connect/blobs.js'
import { modelFile, partTime, samplingSlug } from '../src/connect/files/layout.js'
import { listRecipes, readManifests } from '../src/connect/files/manifest.js'
import type { Recipe } from '../src/connect/store.js'
import type { Sampling } from '../src/domain.js'
import type { ReportRecipe } from '../src/report/model.js'

export type RecipeKey = Pick<Recipe, 'modelDigest' | 'sampling'>

/** A recipe that a folder has results of. */
export interface StoredRecipe extends RecipeKey {
  readonly clips: number
  /** Of its newest part, in milliseconds since 1970. */
  readonly writtenMs: number
}

export function isSame(a: RecipeKey, b: RecipeKey): boolean {
  return a.modelDigest === b.modelDigest && samplingSlug(a.sampling) === samplingSlug(b.sampling)
}

/** The recipes of an output folder, the one written to last first. @throws StanflowError OUTPUT_CORRUPT */
export async function storedRecipes(blobs: Blobs): Promise<StoredRecipe[]> {
  const recipes: StoredRecipe[] = []
  for (const place of await listRecipes(blobs)) {
    let recipe: StoredRecipe | undefined
    for await (const { part, modelDigest, sampling, rows } of readManifests(blobs, place)) {
      recipe = { modelDigest, sampling, clips: (recipe?.clips ?? 0) + rows, writtenMs: partTime(part) }
    }
    if (recipe !== undefined) recipes.push(recipe)
  }
  return recipes.sort((a, b) => b.writtenMs - a.writtenMs)
}

const facts = z.object({
  name: z.string().default('a model'),
  structure: z.string().optional(),
  precision: z.string().optional(),
  random: z.boolean().default(false),
})

export type ModelFacts = z.infer<typeof facts>

/** What `models/<digest>.json` says; a report does without it when it is missing or not what stanflow wrote. */
export async function readModelFacts(blobs: Blobs, digest: string): Promise<ModelFacts> {
  try {
    const bytes = (await blobs.read(modelFile(digest))) ?? '{}'
    return facts.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch {
    return facts.parse({})
  }
}

/** A recipe as the page words it. */
export async function describeRecipe(
  blobs: Blobs,
  { modelDigest, sampling }: RecipeKey,
  clips: number,
): Promise<ReportRecipe> {
  const { name, structure, precision } = await readModelFacts(blobs, modelDigest)
  const model = [name, structure].filter((part) => part !== undefined).join(' + ')
  return {
    model: precision === undefined ? model : `${model}, ${precision}`,
    digest: modelDigest,
    sampling: describeSampling(sampling),
    clips,
  }
}

function describeSampling(sampling: Sampling): string {
  if (sampling.kind === 'uniform') return `${sampling.frames} frames over the whole video`
  const { frames, length, stride } = sampling
  return `clips of ${length} s, one every ${stride} s, ${frames} frames each`
}
