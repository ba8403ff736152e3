import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWhole } from '../src/connect/files/atomic.js'
import { makingError } from '../src/connect/files/fs-errors.js'
import { type EncodeOptions, encodeFrames } from '../src/media/encode.js'
import { drawing } from '../src/scenes/draw.js'
import type { Split } from '../src/scenes/scene.js'
import { type Task, type TaskScene, taskScenes } from '../src/scenes/sets.js'
import { aloneIn } from './run-folder.js'
import { openSceneFolder, type SceneSet } from './scene-folder.js'

export interface ScenesOptions {
  readonly task: Task
  readonly split: Split
  readonly seed: number
  readonly count: number
  /** Pixels along a side. */
  readonly side: number
  readonly to: string
  /** Name videos by what they show, not by their number. Default: by number. */
  readonly telling?: boolean
}

export interface ScenesHooks {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, of: number) => void
}

export interface ScenesSummary {
  readonly to: string
  readonly captions: string
  readonly videos: number
  /** Videos that were there before. */
  readonly kept: number
}

/** Two seconds. */
const FRAMES = 24
const RATE = 12

const CODINGS: readonly (EncodeOptions & { readonly extension: string })[] = [
  { extension: 'mp4', codec: 'h264' },
  { extension: 'webm', codec: 'vp9' },
  { extension: 'mov', codec: 'hevc' },
  { extension: 'avi', codec: 'mpeg4' },
  { extension: 'mkv', codec: 'av1' },
]

/** One scene as a line of `captions.jsonl`: what `stanflow evaluate` reads, and a list that `stanflow backfill` takes. */
export interface SceneLine {
  /** Relative to the file. */
  readonly path: string
  readonly text: string
  readonly label?: string
  readonly contrast?: string
  /** Whether such an object with such a motion was kept from training. */
  readonly heldOut: boolean
  readonly background: string
}

const CAPTIONS = 'captions.jsonl'

/**
 * Writes scenes as videos, with their captions beside them. Videos of the same set that are there already are kept.
 * @throws StanflowError USAGE_INVALID, MEDIA_UNSUPPORTED, OUTPUT_EXISTS where the folder is of another set, OUTPUT_*
 */
export async function writeScenes(options: ScenesOptions, hooks: ScenesHooks = {}): Promise<ScenesSummary> {
  const { task, split, seed, count, to } = options
  const scenes = taskScenes(task, split, seed, count)
  const files = scenes.map((one, n) => fileOf(n, one, options))
  return aloneIn(to, () => writeAll(scenes, files, options, hooks))
}

async function writeAll(
  scenes: readonly TaskScene[],
  files: readonly string[],
  options: ScenesOptions,
  hooks: ScenesHooks,
): Promise<ScenesSummary> {
  const { count, side, to } = options
  await openSceneFolder(to, setOf(options), [CAPTIONS, ...files])
  const lines: SceneLine[] = []
  let kept = 0
  for (const [n, one] of scenes.entries()) {
    hooks.signal?.throwIfAborted()
    const file = files[n] as string
    if (existsSync(join(to, file))) kept++
    else await writeScene(to, file, one, side, codingOf(n))
    const { label, contrast, caption, scene } = one
    lines.push({
      path: file,
      text: caption.text,
      ...(label !== undefined && { label }),
      ...(contrast !== undefined && { contrast }),
      heldOut: scene.heldOut,
      background: scene.background,
    })
    hooks.onProgress?.(n + 1, count)
  }
  const captions = join(to, CAPTIONS)
  await writeWhole(captions, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return { to, captions, videos: lines.length, kept }
}

function setOf({ task, split, seed, count, side, telling = false }: ScenesOptions): SceneSet {
  // Told by some of them, whatever the count: another version of stanflow may draw other scenes for the same seed.
  const drawing = createHash('sha256').update(JSON.stringify(taskScenes(task, split, seed, 16)))
  const codecs = CODINGS.map(({ codec }) => codec).join()
  return {
    count,
    drawnBy: {
      ...{ task, split, seed, side, frames: FRAMES, rate: RATE, codecs, telling },
      drawing: drawing.digest('hex').slice(0, 16),
    },
  }
}

const codingOf = (n: number) => CODINGS[n % CODINGS.length] as (typeof CODINGS)[number]

const fileOf = (n: number, one: TaskScene, options: ScenesOptions): string =>
  `${options.telling === true ? telling(n, one) : one.scene.id}.${codingOf(n).extension}`

const telling = (n: number, { caption }: TaskScene): string =>
  `${String(n + 1).padStart(2, '0')}-${caption.text.replaceAll(' ', '-')}`

async function writeScene(
  dir: string,
  file: string,
  { scene }: TaskScene,
  side: number,
  coding: EncodeOptions,
): Promise<void> {
  const unfinished = join(dir, `.unfinished-${file}`)
  try {
    await encodeFrames(unfinished, coding, { width: side, height: side, rate: RATE, frames: pictures() })
    await rename(unfinished, join(dir, file))
  } catch (error) {
    await rm(unfinished, { force: true })
    throw makingError(join(dir, file), error)
  }

  function* pictures(): Generator<Uint8Array> {
    const picture = new Uint8Array(side * side * 3)
    const { frame } = drawing(scene, side)
    for (let n = 0; n < FRAMES; n++) {
      frame((n + 0.5) / FRAMES, picture)
      yield picture
    }
  }
}
