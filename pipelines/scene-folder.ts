import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWhole } from '../src/connect/files/atomic.js'
import { corrupt, outputError, systemCode } from '../src/connect/files/fs-errors.js'
import { StanflowError } from '../src/errors.js'

const FILE = 'scenes.json'

const sceneSet = z.object({
  count: z.int().positive(),
  drawnBy: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
})

/** What a folder of scenes is of; `scenes.json` in it. */
export interface SceneSet {
  /** Scenes of the whole set, drawn or still to be. */
  readonly count: number
  /** All that decides what a video of it looks like and is called. */
  readonly drawnBy: Readonly<Record<string, string | number | boolean>>
}

/**
 * Begins a set of scenes in a folder, or takes one of the same settings, which may grow; another set's videos are never taken for
 * its own. @throws StanflowError OUTPUT_EXISTS where it is of other settings, of more scenes, or of unknown origin; OUTPUT_*
 */
export async function openSceneFolder(to: string, set: SceneSet, files: readonly string[]): Promise<void> {
  const before = await read(join(to, FILE))
  if (before === undefined) {
    const unknown = files.find((file) => existsSync(join(to, file)))
    if (unknown !== undefined)
      throw taken(`${to} has ${unknown}, but no ${FILE} that tells what it was drawn by`)
  } else {
    const other = Object.keys(set.drawnBy).find((key) => before.drawnBy[key] !== set.drawnBy[key])
    if (other !== undefined)
      throw taken(`${to} has scenes of ${other} ${before.drawnBy[other]}, not ${set.drawnBy[other]}`)
    if (set.count < before.count)
      throw taken(
        `${to} is a set of ${before.count} scenes, more than the ${set.count} asked for`,
        `Give another --to folder, or --count ${before.count} or more.`,
      )
  }
  if (before?.count !== set.count) await writeWhole(join(to, FILE), `${JSON.stringify(set, null, 2)}\n`)
}

const taken = (message: string, hint = 'Give another --to folder.'): StanflowError =>
  new StanflowError('OUTPUT_EXISTS', `${message}.`, { hint })

async function read(file: string): Promise<SceneSet | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw outputError(file, error)
  })
  if (text === undefined) return undefined
  try {
    return sceneSet.parse(JSON.parse(text))
  } catch (error) {
    throw corrupt(file, 'is not what stanflow writes', undefined, error)
  }
}
