import type { FrameVectors, Label, Moment, Sampling } from '../../domain.js'
import type { Blobs } from '../blobs.js'
import type { DeadLetter, Recipe } from '../store.js'
import { isSettled, newestLetters, readDeadLetterFiles } from './dead-letters.js'
import { corrupt } from './fs-errors.js'
import { manifestFile, type RecipePlace, recipePlace, samplingSlug } from './layout.js'
import { listRecipes, type Manifest, readManifests, type VideoEntry } from './manifest.js'
import { labelSets, readClips, readLabels } from './part-files.js'
import { VideoIndex } from './video-index.js'

/** Which of the results in a folder to read; what is left out does not narrow. */
export interface ResultFilter {
  /** Results of this model, sampling and label set; without it those of every recipe, one after the other. */
  readonly recipe?: Pick<Recipe, 'modelDigest' | 'sampling' | 'labelSetDigest'>
  /** With the clips' vectors. Default false. */
  readonly vectors?: boolean
  /** And with their frames', where these are stored. Default false. */
  readonly frames?: boolean
}

/** A stored clip. */
export interface ClipResult extends Moment {
  /**
   * Best first; of the label set asked for, else of the one added last, or where the clip has none of that, as cameras may have
   * labels of their own, of the last one that it has.
   */
  readonly labels: readonly Label[]
  /** `[dim]`; when asked for. */
  readonly vector?: Float32Array
  /** Where they are stored; when asked for. */
  readonly frames?: FrameVectors
}

/** What is stored of one video under one recipe. */
export interface VideoResults {
  readonly source: string
  readonly path: string
  readonly bytes: number
  readonly modelDigest: string
  readonly sampling: Sampling
  /** Whether all its clips are stored. */
  readonly done: boolean
  /** In order, from the video's first. */
  readonly clips: readonly ClipResult[]
}

/**
 * Reads the results in an output folder, video by video, in the order in which they were completed. Memory holds one
 * part, and the clips of videos that go on in a later one. Takes no lock: a run that writes meanwhile may add videos
 * that this reading does not show.
 * @throws StanflowError OUTPUT_CORRUPT, OUTPUT_PERMISSION, OUTPUT_WRITE
 */
export async function* readResults(blobs: Blobs, filter: ResultFilter = {}): AsyncGenerator<VideoResults> {
  const { recipe, vectors = false, frames = false } = filter
  const places = recipe === undefined ? await listRecipes(blobs) : [recipePlace(recipe)]
  for (const place of places) {
    const { index, labelSet } = await survey(blobs, place)
    const asked = recipe?.labelSetDigest
    const labelsOf = (manifest: Manifest): string | undefined => {
      const sets = labelSets(manifest)
      return asked ?? (labelSet !== undefined && sets.includes(labelSet) ? labelSet : sets.at(-1))
    }
    const begun = new Map<string, ClipResult[]>()
    for await (const manifest of readManifests(blobs, place)) {
      const { part } = manifest
      if (recipe !== undefined && recipe.modelDigest !== manifest.modelDigest) {
        throw corrupt(blobs.at(manifestFile(place, part)), 'belongs to another model')
      }
      const valid = manifest.videos.filter((video) => index.isCurrent(manifest.part, video))
      const options = { vectors, frames, labelSet: labelsOf(manifest) }
      const clips = await clipsOf(blobs, manifest, new Set(valid.map((video) => video.source)), options)
      for (const video of valid) {
        const sofar = begun.get(video.source) ?? []
        begun.set(video.source, sofar)
        for (const clip of clips.get(video.source) ?? []) sofar.push(clip)
        if (index.get(video.source)?.lastPart !== part) continue
        begun.delete(video.source)
        yield result(manifest, video, sofar)
      }
    }
  }
}

/** The failures in an output place, oldest first. */
export async function readDeadLetters(
  blobs: Blobs,
  recipe?: Pick<Recipe, 'modelDigest' | 'sampling'>,
): Promise<DeadLetter[]> {
  const files = await readDeadLetterFiles(blobs)
  const letters = newestLetters(files)
  if (recipe === undefined) return letters
  const sample = samplingSlug(recipe.sampling)
  const mine = letters.filter((letter) => letter.model === recipe.modelDigest && letter.sample === sample)
  // A run strikes out of its own file what it stored, and of no other shard's.
  if (files.size < 2) return mine
  const { index } = await survey(blobs, recipePlace(recipe))
  return mine.filter((letter) => {
    const stored = index.get(letter.source)
    return !isSettled(letter, stored?.done ? stored.lastPart : undefined)
  })
}

async function survey(blobs: Blobs, place: RecipePlace) {
  const index = new VideoIndex()
  let labelSet: string | undefined
  for await (const manifest of readManifests(blobs, place)) {
    index.add(manifest)
    labelSet = labelSets(manifest).at(-1) ?? labelSet
  }
  return { index, labelSet }
}

async function clipsOf(
  blobs: Blobs,
  manifest: Manifest,
  sources: ReadonlySet<string>,
  options: { readonly vectors: boolean; readonly frames: boolean; readonly labelSet: string | undefined },
): Promise<Map<string, ClipResult[]>> {
  const { vectors, frames, labelSet } = options
  const keep = (row: { readonly source: string }) => sources.has(row.source)
  const clips = await readClips(blobs, manifest, { vectors, frames, keep })
  const rows = labelSet === undefined ? [] : ((await readLabels(blobs, manifest, labelSet)) ?? [])
  const labels = groupBy(rows, (row) => row.clipId)
  const results = clips.map(
    ({ modelDigest, ...clip }): ClipResult => ({
      ...clip,
      labels: (labels.get(clip.clipId) ?? []).map(bare),
    }),
  )
  return groupBy(results, (clip) => clip.source)
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

function bare({ label, score, similarity }: Label): Label {
  return { label, score, similarity }
}

function result(manifest: Manifest, video: VideoEntry, clips: readonly ClipResult[]): VideoResults {
  const { source, path, bytes, done } = video
  const { modelDigest, sampling } = manifest
  return { source, path, bytes, modelDigest, sampling, done, clips }
}
