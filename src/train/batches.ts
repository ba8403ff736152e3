import type { TextTokenizer, TokenBatch } from '../model/tokenizer.js'
import { type Caption, variedCaption, wrongCaption } from '../scenes/captions.js'
import { type Random, randomFrom } from '../scenes/random.js'
import type { Scene } from '../scenes/scene.js'
import { COLOUR_NAMES, MOTION_NAMES, reversed, SHAPES } from '../scenes/vocabulary.js'
import { HANDED, mirror, randomWindow, zoom } from './augment.js'
import type { ClipSet } from './clips.js'
import type { ClipsStage, Stage } from './config.js'
import { BEARINGS, bearingOf, countedMotions, countedPairs, type Matrix, matrix, THINGS } from './targets.js'

export interface Texts extends TokenBatch {
  readonly length: number
}

/** Captions, and which of a batch's pictures or videos each may be a negative of. */
export interface Captions {
  readonly texts: Texts
  /** 1 where caption i may be a negative of picture j, or is its own. */
  readonly counted: Matrix
  /** Captions that are nearly true of something in the batch, and of nothing in it. */
  readonly wrong?: { readonly texts: Texts; readonly counted: Matrix }
}

/** Single frames with a caption each. */
export interface PictureBatch {
  readonly kind: 'pictures'
  readonly pixels: Uint8Array
  readonly captions: Captions
  /** Shares of colours, of shapes and of both together among a picture's objects. */
  readonly colours: Matrix
  readonly shapes: Matrix
  readonly things: Matrix
  /** Which way up single objects are that show it, in twelfths of a turn; rows of zeros for all others. */
  readonly bearings: Matrix
}

/** N clips; behind them in every list the same clips backwards. */
export interface ClipBatch {
  readonly kind: 'clips'
  readonly pixels: Uint8Array
  readonly count: number
  /** `[2N]`, with the motion. */
  readonly captions: Captions
  /** `[N]` without, of 2N videos. */
  readonly objects: Captions
  /** `[N, 2N]` */
  readonly objectPositive: Matrix
  /** Which motion, as shares `[2N, motions]`. */
  readonly motions: Matrix
  /** 0 where a motion is no negative: no object of that shape does it in training. */
  readonly countedMotions: Matrix
  /** Beside the clips, where the stage wants them. */
  readonly pictures?: PictureBatch
}

export function tokenise(tokenizer: TextTokenizer, texts: readonly string[]): Texts {
  const length = Math.max(...texts.map((text) => tokenizer.encode(text, 32).length))
  return { ...tokenizer.batch(texts, length), length }
}

/** People write labels as sentences around them, too. */
const dressed = (random: Random, { text }: Caption): string =>
  random.chance(0.2) ? `a video of ${text}.` : text

const isSingle = ({ actors }: Scene): boolean => actors.length === 1

export type Batch = PictureBatch | ClipBatch

export interface BatchSets {
  readonly clips: ClipSet
  /** Single frames of as many scenes; undefined: pictures are frames of the clips. */
  readonly pictures?: ClipSet
}

interface PictureWish {
  readonly batch: number
  /** Pictures of one object only. */
  readonly single: boolean
  readonly wrong: number
  /** As a stage has them. */
  readonly crop: number
  readonly flip: boolean
}

/** Draws batches; the same step has the same batch in every run. */
export class Batches {
  readonly #clips: ClipSet
  readonly #pictures: ClipSet
  readonly #tokenizer: TextTokenizer
  readonly #frames: number
  readonly #size: number
  readonly #seed: string

  constructor(
    { clips, pictures = clips }: BatchSets,
    tokenizer: TextTokenizer,
    shape: { frames: number; size: number },
    seed: string,
  ) {
    this.#clips = clips
    this.#pictures = pictures
    this.#tokenizer = tokenizer
    this.#frames = shape.frames
    this.#size = shape.size
    this.#seed = seed
  }

  /** A step's batches, one for each part that its gradient is averaged over. */
  of(stage: Stage, step: number): Batch[] {
    return Array.from({ length: stage.accumulate }, (_, part) =>
      stage.kind === 'pictures'
        ? this.#picturesOf({ ...stage, single: step < stage.steps * stage.single }, step, part)
        : this.#clipsOf(stage, step, part),
    )
  }

  #picturesOf({ batch, single, wrong, crop, flip }: PictureWish, step: number, part: number): PictureBatch {
    const random = randomFrom(`${this.#seed} pictures ${step} ${part}`)
    const frameBytes = this.#size * this.#size * 3
    const pixels = new Uint8Array(batch * frameBytes)
    const scenes: Scene[] = []
    const bearings = new Float32Array(batch * BEARINGS)
    while (scenes.length < batch) {
      const wantPair = !single && random.chance(0.6)
      const index = this.#pick(this.#pictures, random, (scene) => isSingle(scene) !== wantPair)
      const scene = this.#pictures.scenes[index] as Scene
      const moments = this.#pictures.moments(index)
      const t = random.int(moments.length)
      const moment = moments[t] as number
      if (scene.actors.some(({ from, until }) => moment < from || moment > until)) continue
      const at = scenes.length * frameBytes
      this.#pictures.read(index, t, pixels, at)
      const frames = { pixels, at, count: 1, size: this.#size }
      if (crop < 1) zoom(frames, randomWindow(random, crop))
      // Nothing that a caption of a still picture says is changed by it.
      const mirrored = flip && random.chance(0.5)
      if (mirrored) mirror(frames)
      const bearing = bearingOf(scene, moment, mirrored)
      if (bearing !== undefined) bearings[scenes.length * BEARINGS + bearing] = 1
      scenes.push(scene)
    }
    const captions = scenes.map((scene) => variedCaption(random, scene, false))
    const parts = <T>(names: readonly T[], of: (actor: Scene['actors'][number]) => T): Matrix =>
      matrix(batch, names.length, (row, column) => {
        const { actors } = scenes[row] as Scene
        return actors.filter((actor) => of(actor) === names[column]).length / actors.length
      })
    return {
      kind: 'pictures',
      pixels,
      captions: this.#captions(random, captions, scenes, scenes, wrong, (i, j) => i === j),
      colours: parts(COLOUR_NAMES, ({ colour }) => colour),
      shapes: parts(SHAPES, ({ shape }) => shape),
      things: parts(THINGS, ({ colour, shape }) => `${colour} ${shape}`),
      bearings: { rows: batch, columns: BEARINGS, data: bearings },
    }
  }

  #clipsOf(stage: ClipsStage, step: number, part: number): ClipBatch {
    const { batch, motions, single, wrong, crop, flip, pictures } = stage
    const random = randomFrom(`${this.#seed} clips ${step} ${part}`)
    const clipBytes = this.#frames * this.#size * this.#size * 3
    const pixels = new Uint8Array(batch * clipBytes)
    const forward = Array.from({ length: batch }, (_, n) => {
      const motion = random.pick(motions)
      const fits = (scene: Scene): boolean => scene.motion === motion && (!single || isSingle(scene))
      const index = this.#pick(this.#clips, random, fits)
      this.#clips.readAll(index, pixels, n * clipBytes)
      const frames = { pixels, at: n * clipBytes, count: this.#frames, size: this.#size }
      if (crop < 1) zoom(frames, randomWindow(random, crop))
      if (flip && !HANDED.includes(motion) && random.chance(0.5)) mirror(frames)
      return this.#clips.scenes[index] as Scene
    })
    // Motions that are their own reverse make two true captions: those are no negatives of each other.
    const scenes = [...forward, ...forward.map((scene) => ({ ...scene, motion: reversed(scene.motion) }))]
    const captions = scenes.map((scene) => variedCaption(random, scene, true))
    const objects = forward.map((scene) => variedCaption(random, scene, false))
    const ownObject = (i: number, j: number): boolean => j % batch === i
    return {
      kind: 'clips',
      pixels,
      count: batch,
      captions: this.#captions(random, captions, scenes, scenes, wrong, (i, j) => i === j),
      objects: this.#captions(random, objects, forward, scenes, wrong, ownObject),
      objectPositive: matrix(batch, 2 * batch, (i, j) => (ownObject(i, j) ? 1 : 0)),
      motions: matrix(2 * batch, MOTION_NAMES.length, (n, m) =>
        scenes[n]?.motion === MOTION_NAMES[m] ? 1 : 0,
      ),
      countedMotions: countedMotions(scenes),
      ...(pictures > 0 && {
        // They hold what CLIP knows of two objects too; and their captions are true of their mirror images, whatever clips allow.
        pictures: this.#picturesOf({ batch: pictures, single: false, wrong, crop, flip: true }, step, part),
      }),
    }
  }

  /** Caption i is of `described[i]`; `seen` is what the batch shows. */
  #captions(
    random: Random,
    captions: readonly Caption[],
    described: readonly Scene[],
    seen: readonly Scene[],
    wrong: number,
    own: (i: number, j: number) => boolean,
  ): Captions {
    const texts = (all: readonly Caption[]): Texts =>
      tokenise(
        this.#tokenizer,
        all.map((caption) => dressed(random, caption)),
      )
    const right = { texts: texts(captions), counted: countedPairs(captions, seen, own) }
    if (wrong === 0) return right
    const false_ = captions.flatMap((caption, i) =>
      Array.from({ length: wrong }, () => wrongCaption(random, described[i] as Scene, caption)),
    )
    return { ...right, wrong: { texts: texts(false_), counted: countedPairs(false_, seen, () => false) } }
  }

  #pick({ scenes }: ClipSet, random: Random, fits: (scene: Scene) => boolean): number {
    for (let attempt = 0; attempt < 10_000; attempt++) {
      const index = random.int(scenes.length)
      if (fits(scenes[index] as Scene)) return index
    }
    const fitting = scenes.flatMap((scene, index) => (fits(scene) ? [index] : []))
    if (fitting.length > 0) return random.pick(fitting)
    throw new RangeError('no scene of the training set fits the stage')
  }
}
