import { type Rule, RuleBook } from '../operators/index.js'
import { readResults } from '../src/connect/files/results.js'
import type { S3Settings } from '../src/connect/s3/client.js'
import { isS3 } from '../src/connect/s3/uri.js'
import type { Event } from '../src/domain.js'
import { StanflowError } from '../src/errors.js'
import { Places } from './places.js'
import { storedRecipes } from './report-recipes.js'

export interface ResultEventsOptions {
  /** A folder or `s3://bucket/prefix` that a backfill wrote to. */
  readonly results: string
  readonly rules: readonly Rule[]
  readonly s3?: S3Settings
  readonly signal?: AbortSignal
}

/**
 * What rules make of stored results, video by video: of the recipe that was stored last. What is still going on at a
 * video's end closes with it, unless more of the video is to come.
 * @throws StanflowError INPUT_NOT_FOUND (no results there), OUTPUT_CORRUPT, S3_*
 */
export async function* resultEvents(options: ResultEventsOptions): AsyncGenerator<Event, void, undefined> {
  const { results, rules, s3, signal } = options
  const places = new Places(s3)
  try {
    const blobs = places.results(results)
    const [recipe] = await storedRecipes(blobs)
    if (recipe === undefined) {
      throw new StanflowError('INPUT_NOT_FOUND', `There are no results in ${results}.`, {
        hint: `Name the ${isS3(results) ? 'prefix' : 'folder'} that a backfill was given with --to.`,
      })
    }
    const series = [recipe.modelDigest.slice(0, 12), JSON.stringify(recipe.sampling)].join(' ')
    const book = new RuleBook(rules)
    for await (const { source, clips, done } of readResults(blobs, { recipe })) {
      signal?.throwIfAborted()
      for (const clip of clips) yield* book.add({ ...clip, source, series })
      if (done) yield* book.finish(source)
      else book.forget(source)
    }
  } finally {
    await places.close()
  }
}
