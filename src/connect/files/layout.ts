import { createHash, randomBytes } from 'node:crypto'
import type { Sampling } from '../../domain.js'
import type { Recipe } from '../store.js'

/** Where the results of one recipe lie: two hive partitions, so that recipes never share a file. */
export interface RecipePlace {
  /** `model=<12 hex>` */
  readonly model: string
  /** `sample=<slug>` */
  readonly sample: string
}

/** Sampling as a file name says it: `uniform-12`, `window-12-2s-1s`. */
export function samplingSlug(sampling: Sampling): string {
  return sampling.kind === 'uniform'
    ? `uniform-${sampling.frames}`
    : `window-${sampling.frames}-${sampling.length}s-${sampling.stride}s`
}

/** The first 12 characters of a digest; a digest that is no plain hex is hashed first, so it can name a folder. */
export function shortDigest(digest: string): string {
  const hex = digest.replace(/^sha256:/, '')
  if (/^[0-9a-f]{12,}$/.test(hex)) return hex.slice(0, 12)
  return createHash('sha256').update(digest).digest('hex').slice(0, 12)
}

export function recipePlace(recipe: Pick<Recipe, 'modelDigest' | 'sampling'>): RecipePlace {
  return {
    model: `model=${shortDigest(recipe.modelDigest)}`,
    sample: `sample=${samplingSlug(recipe.sampling)}`,
  }
}

/** Paths are relative to the output folder, with forward slashes. */
export const manifestFolder = ({ model, sample }: RecipePlace) => `manifest/${model}/${sample}`
export const embeddingsFolder = ({ model, sample }: RecipePlace) => `embeddings/${model}/${sample}`
export const labelsFolder = ({ model, sample }: RecipePlace) => `labels/${model}/${sample}`
export const npyFolder = ({ model, sample }: RecipePlace) => `npy/${model}/${sample}`
/** The digest is hex; a foreign one is made a harmless file name. */
export const modelFile = (digest: string) => `models/${digest.replaceAll(/[^\w.-]/g, '_')}.json`
export const DEAD_LETTERS = 'dead-letter'
/** What all locks of runs are called at first, and the one of rewrites, which runs side by side take in turn. */
export const LOCK = '.stanflow.lock'
export const REWRITE_LOCK = '.stanflow.rewriting'

/** Of a run, or of one shard of it: runs side by side share no file that is rewritten. */
export const lockName = (shard: ShardName | undefined) => `${LOCK}${suffix(shard)}`
export const deadLettersFile = (shard: ShardName | undefined) => `${DEAD_LETTERS}${suffix(shard)}.jsonl`

/** `i` of `n`, from 0. */
export interface ShardName {
  readonly index: number
  readonly of: number
}

const suffix = (shard: ShardName | undefined) => (shard === undefined ? '' : `-${shard.index}-of-${shard.of}`)

export const manifestFile = (place: RecipePlace, part: string) => `${manifestFolder(place)}/${part}.json`
export const embeddingsFile = (place: RecipePlace, part: string, extension: string) =>
  `${embeddingsFolder(place)}/${hourOf(part)}/${part}.${extension}`
export const labelsFile = (place: RecipePlace, labelSet: string, part: string, extension: string) =>
  `${labelsFolder(place)}/labels=${shortDigest(labelSet)}/${hourOf(part)}/${part}.${extension}`

const PART = /\d{8}T\d{9}Z-[0-9a-f]{8}-\d{6}/
const PART_FILE = /^(?:img_emb_|metadata_)?(\d{8}T\d{9}Z-[0-9a-f]{8}-\d{6})\.(?:parquet|jsonl|npy|json)$/

/** The part that a file belongs to, by its name; `undefined` for files that stanflow did not name. */
export function partOf(fileName: string): string | undefined {
  return PART_FILE.exec(fileName)?.[1]
}

/** `dt=YYYY-MM-DD/hour=HH` in UTC, read off the part's id. */
function hourOf(part: string): string {
  return `dt=${part.slice(0, 4)}-${part.slice(4, 6)}-${part.slice(6, 8)}/hour=${part.slice(9, 11)}`
}

/** A new run's id, part of its parts' names. */
export function newRun(): string {
  return randomBytes(4).toString('hex')
}

/** The run that named a part. */
export function runOf(part: string): string {
  return part.split('-')[1] ?? ''
}

/** The moment in a part's id, in milliseconds since 1970. */
export function partTime(part: string): number {
  const [, y, mo, d, h, mi, s, ms] = /^(....)(..)(..)T(..)(..)(..)(...)Z/.exec(part) ?? []
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`)
}

/**
 * Names parts so that their order by name is the order of their commits, even where the clock goes back: UTC time to
 * the millisecond, the run's random id, a count.
 */
export class PartNames {
  readonly #run: string
  #count = 0
  #last: number

  /** `last`: the newest part already there. */
  constructor(run: string, last: string | undefined) {
    this.#run = run
    this.#last = last !== undefined && PART.test(last) ? partTime(last) : 0
  }

  next(): string {
    this.#last = Math.max(Date.now(), this.#last + 1)
    this.#count += 1
    const time = new Date(this.#last).toISOString().replaceAll(/[-:.]/g, '')
    return `${time}-${this.#run}-${String(this.#count).padStart(6, '0')}`
  }
}
