import { cosine } from './cosine.js'
import { mug } from './mug.js'
import type { Similarity } from './similarity.js'
import { wti } from './wti.js'

/** Every similarity by name. */
export const SIMILARITIES = { cosine, wti, mug } as const satisfies Readonly<Record<string, Similarity>>
export type SimilarityName = keyof typeof SIMILARITIES
export const SIMILARITY_NAMES = Object.keys(SIMILARITIES) as [SimilarityName, ...SimilarityName[]]
