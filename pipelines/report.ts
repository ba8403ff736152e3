import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, resolve } from 'node:path'
import type { Blobs } from '../src/connect/blobs.js'
import { readDeadLetters, readResults, type VideoResults } from '../src/connect/files/results.js'
import type { S3Settings } from '../src/connect/s3/client.js'
import { isS3 } from '../src/connect/s3/uri.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import { openReader } from '../src/media/open-reader.js'
import type {
  Leader,
  ReportCheck,
  ReportHead,
  ReportOrder,
  ReportTotals,
  ReportVideo,
  Strip,
} from '../src/report/model.js'
import { lengthOf } from '../src/report/ranking.js'
import { renderReport } from '../src/report/render.js'
import { VERSION } from '../src/version.js'
import { Places } from './places.js'
import { writePage } from './report-page.js'
import {
  describeRecipe,
  isSame,
  type RecipeKey,
  readModelFacts,
  type StoredRecipe,
  storedRecipes,
} from './report-recipes.js'
import { makeStrip } from './report-strip.js'

const MAX_STRIPS = 200

const RANDOM_WEIGHTS = 'The model has random weights: its labels and scores mean nothing.'

export interface ReportOptions {
  /** Aborting ends the writing and leaves no file. */
  readonly signal?: AbortSignal
  /** Videos with pictures; further ones are rows without. Default 200. */
  readonly maxStrips?: number
  /** Sentences to warn the reader with, before all else. */
  readonly notes?: readonly string[]
  /** Which results the page shows. Default: those written last; the page names the others. */
  readonly recipe?: RecipeKey
  /** Of the page. Default: the name of the folder. */
  readonly title?: string
  /** How the videos come. Default: as they were processed; by name, memory holds the labels of all of them. */
  readonly order?: ReportOrder
  /** Labels of these results against what the videos show; the page has them in it. */
  readonly checked?: ReportCheck & { readonly recipe: RecipeKey }
  /** How `s3://` places are reached. Default: as the AWS SDK's standard chain says. */
  readonly s3?: S3Settings
}

export interface ReportSummary {
  readonly videos: number
  readonly clips: number
  /** Size of the page. */
  readonly bytes: number
}

/**
 * Writes what an output folder holds as one self-contained HTML page, whole or not at all. Pictures are decoded
 * again from the original videos, where those are still there.
 * @throws StanflowError INPUT_NOT_FOUND (no such folder), OUTPUT_CORRUPT, OUTPUT_WRITE, OUTPUT_FULL,
 * OUTPUT_PERMISSION; the signal's reason once it aborts
 */
export async function writeReport(
  dir: string,
  out: string,
  options: ReportOptions = {},
): Promise<ReportSummary> {
  const places = new Places(options.s3)
  try {
    return await write({ dir, places, blobs: places.results(dir) }, out, options)
  } finally {
    await places.close()
  }
}

interface From {
  readonly dir: string
  readonly places: Places
  readonly blobs: Blobs
}

async function write(
  { dir, places, blobs }: From,
  out: string,
  options: ReportOptions,
): Promise<ReportSummary> {
  const { signal, maxStrips = MAX_STRIPS, order = 'made', checked } = options
  await checkPlaces(dir, out)
  const stored = await storedRecipes(blobs)
  const recipe = options.recipe ?? stored[0]
  const shown = [recipe, checked?.recipe].filter((one) => one !== undefined)
  const others = stored.filter((other) => !shown.some((one) => isSame(other, one)))
  const { totals, present } = await sum(results(blobs, recipe, signal), maxStrips, checked)
  const head = {
    ...(await describe({ dir, blobs }, recipe, others, totals, options)),
    order,
    ...(checked !== undefined && { checked: withPlaces(checked, present) }),
  }
  const failures = await readDeadLetters(blobs, recipe)
  const strips = await openStrips(places, signal)
  try {
    const videos = withStrips(inOrder(results(blobs, recipe, signal), order), totals.strips, strips.stripOf)
    const bytes = await writePage(out, renderReport({ head, videos, failures }), signal)
    return { videos: totals.videos, clips: totals.clips, bytes }
  } finally {
    await strips.close()
  }
}

async function checkPlaces(dir: string, out: string): Promise<void> {
  const folder = isS3(dir) ? undefined : await stat(dir).catch(() => undefined)
  if (!isS3(dir) && !folder?.isDirectory()) {
    throw new StanflowError('INPUT_NOT_FOUND', `There is no folder ${dir} to report on.`, {
      hint: 'Name the folder that a backfill was given with --to.',
    })
  }
  const page = await stat(out).catch(() => undefined)
  if (page?.isDirectory()) {
    throw new StanflowError('OUTPUT_WRITE', `${out} is a folder.`, {
      hint: 'Name a file for the report, such as report.html.',
    })
  }
}

async function* results(
  blobs: Blobs,
  recipe: RecipeKey | undefined,
  signal?: AbortSignal,
): AsyncGenerator<VideoResults> {
  if (recipe === undefined) return
  for await (const video of readResults(blobs, { recipe })) {
    signal?.throwIfAborted()
    yield video
  }
}

/** Those by name all at once, as the page's own script would order them. */
async function* inOrder(
  videos: AsyncIterable<VideoResults>,
  order: ReportOrder,
): AsyncGenerator<VideoResults> {
  if (order === 'made') return yield* videos
  const all: VideoResults[] = []
  for await (const video of videos) all.push(video)
  yield* all.sort((a, b) => a.source.localeCompare(b.source, undefined, { numeric: true }))
}

interface Sum {
  readonly totals: ReportTotals
  /** Checked videos that the page shows. */
  readonly present: ReadonlySet<string>
}

async function sum(
  videos: AsyncIterable<VideoResults>,
  maxStrips: number,
  checked: ReportCheck | undefined,
): Promise<Sum> {
  const sought = new Set(checked?.rows.map(({ source }) => source))
  const present = new Set<string>()
  const totals = { videos: 0, clips: 0, seconds: 0 }
  const leads = new Map<string, number>()
  for await (const { source, clips } of videos) {
    if (sought.has(source)) present.add(source)
    totals.videos++
    totals.clips += clips.length
    totals.seconds += lengthOf(clips)
    for (const { labels } of clips) {
      const label = labels[0]?.label
      if (label !== undefined) leads.set(label, (leads.get(label) ?? 0) + 1)
    }
  }
  const leaders = [...leads].map(([label, clips]): Leader => ({ label, clips }))
  leaders.sort((a, b) => b.clips - a.clips)
  return { totals: { ...totals, leaders, strips: Math.min(maxStrips, totals.videos) }, present }
}

function withPlaces({ title, result, note, rows }: ReportCheck, present: ReadonlySet<string>): ReportCheck {
  return { title, result, note, rows: rows.map((row) => ({ ...row, absent: !present.has(row.source) })) }
}

async function describe(
  { dir, blobs }: Pick<From, 'dir' | 'blobs'>,
  recipe: RecipeKey | undefined,
  others: readonly StoredRecipe[],
  totals: ReportTotals,
  { notes = [], title = isS3(dir) ? dir : basename(resolve(dir)) }: ReportOptions,
): Promise<ReportHead> {
  const about = { title, made: new Date(), version: VERSION, totals }
  if (recipe === undefined) return { ...about, warnings: notes, meaningless: false, others: [] }
  const { random } = await readModelFacts(blobs, recipe.modelDigest)
  return {
    ...about,
    recipe: await describeRecipe(blobs, recipe, totals.clips),
    warnings: random && notes.length === 0 ? [RANDOM_WEIGHTS] : notes,
    meaningless: random,
    others: await Promise.all(others.map((other) => describeRecipe(blobs, other, other.clips))),
  }
}

/** The first `strips` videos with pictures, a few being decoded ahead of the one being written. */
async function* withStrips(
  videos: AsyncIterable<VideoResults>,
  strips: number,
  stripOf: (video: VideoResults) => Promise<Strip>,
): AsyncGenerator<ReportVideo> {
  const ahead: Promise<ReportVideo>[] = []
  const most = Math.min(4, availableParallelism())
  let taken = 0
  try {
    for await (const video of videos) {
      const { source, done: complete, clips } = video
      const shown = { source, complete, clips }
      const ready = taken++ < strips ? stripOf(video).then((strip) => ({ ...shown, strip })) : shown
      const next = Promise.resolve(ready)
      // Thrown when its turn comes; until then it must not count as unhandled.
      next.catch(() => undefined)
      ahead.push(next)
      if (ahead.length > most) yield* ahead.splice(0, 1)
    }
    while (ahead.length > 0) yield* ahead.splice(0, 1)
  } finally {
    // Nothing decodes any more once the caller closes the reader.
    await Promise.allSettled(ahead)
  }
}

/** A missing reader is no reason for no report. */
async function openStrips(places: Places, signal: AbortSignal | undefined) {
  const opened = await openReader('auto').catch((error: unknown) => asStanflowError(error))
  if (opened instanceof StanflowError) {
    const strip: Strip = { kind: 'missing', why: `No pictures: ${opened.message}` }
    return { stripOf: async () => strip, close: async () => {} }
  }
  const { reader } = opened
  return {
    stripOf: (video: VideoResults) => makeStrip(video, { places, reader, signal }),
    close: () => reader.close(),
  }
}
