import type { Embedding } from '../../domain.js'
import type { Blobs } from '../blobs.js'
import type { Recipe, ResultFormat } from '../store.js'
import type { FileFacts, LabelRow } from './formats/codec.js'
import { CODECS } from './formats/codecs.js'
import { type RecipePlace, recipePlace, samplingSlug } from './layout.js'
import type { PartFile } from './manifest.js'
import { writePartFiles } from './part-files.js'

/** Writes rows of one recipe into files of a part; what is written is told in `written`, file by file. */
export interface PartWriter {
  readonly blobs: Blobs
  readonly place: RecipePlace
  embeddings(
    part: string,
    rows: readonly Embedding[],
    format: ResultFormat,
    written: PartFile[],
  ): Promise<void>
  /** Rows of one label set, in the format that goes with `format`. */
  labels(part: string, rows: readonly LabelRow[], format: ResultFormat, written: PartFile[]): Promise<void>
}

/** No rows make no files. */
export function partWriter(
  blobs: Blobs,
  recipe: Pick<Recipe, 'modelDigest' | 'dim' | 'sampling'>,
  version: string,
): PartWriter {
  const place = recipePlace(recipe)
  const { modelDigest, dim } = recipe
  const facts: FileFacts = { version, modelDigest, dim, sampling: samplingSlug(recipe.sampling) }
  return {
    blobs,
    place,
    async embeddings(part, rows, format, written) {
      if (rows.length === 0) return
      const files = CODECS[format].encodeEmbeddings(place, part, rows, facts)
      await writePartFiles(blobs, files, { kind: 'embeddings', format, rows: rows.length }, written)
    },
    async labels(part, rows, format, written) {
      const labelSet = rows[0]?.labelSet
      if (labelSet === undefined) return
      const { labelsFormat, encodeLabels } = CODECS[format]
      const files = encodeLabels(place, part, rows, facts)
      await writePartFiles(
        blobs,
        files,
        { kind: 'labels', format: labelsFormat, labelSet, rows: rows.length },
        written,
      )
    },
  }
}
