import { StanflowError } from '../errors.js'
import { branchGraph, featureRows, trunkGraph, videoGraph } from '../model/graphs.js'
import type { OpenModel } from '../model/load.js'
import type { Engine } from './engine.js'
import type { VideoQuestion } from './protocol.js'

/** Memory for the features of frames that later clips may share, at most. */
const CACHE_BYTES = 256 * 2 ** 20
/** Features that go into one run of the branch. */
const GATHER_BYTES = 64 * 2 ** 20

export interface Encoded {
  /** `[clips, dim]` */
  readonly vectors: Float32Array
  /** `[clips, T, dim]` */
  readonly parts: Float32Array
  /** `[clips, T]`, where the model has them. */
  readonly scores?: Float32Array
}

/** A model's clips on an engine, in micro-batches. */
export interface ClipEncoder {
  /** Places for frames' features, where frames are shared. */
  readonly slots?: number
  encode(question: VideoQuestion): Promise<Encoded>
  release(): Promise<void>
}

/** Collects what the runs of one batch give. */
class Results implements Encoded {
  readonly vectors: Float32Array
  readonly parts: Float32Array
  scores?: Float32Array
  readonly #clips: number
  readonly #dim: number
  readonly #frames: number

  constructor(clips: number, frames: number, dim: number) {
    this.vectors = new Float32Array(clips * dim)
    this.parts = new Float32Array(clips * frames * dim)
    this.#clips = clips
    this.#dim = dim
    this.#frames = frames
  }

  set(from: number, { embedding, frames, scores }: Readonly<Record<string, Float32Array>>): void {
    this.vectors.set(embedding as Float32Array, from * this.#dim)
    this.parts.set(frames as Float32Array, from * this.#frames * this.#dim)
    if (scores === undefined) return
    this.scores ??= new Float32Array(this.#clips * this.#frames)
    this.scores.set(scores, from * this.#frames)
  }
}

/** The whole model as one graph. */
export async function wholeEncoder(engine: Engine, model: OpenModel, frames: number): Promise<ClipEncoder> {
  const { size } = model.config.vision
  const runner = await engine.compile(videoGraph(model, frames), model.weights)
  const clipBytes = frames * size * size * 3
  const clipsPerRun = Math.max(1, Math.floor(engine.framesPerRun / frames))
  return {
    async encode({ pixels, clips }) {
      const results = new Results(clips, frames, model.config.dim)
      for (let from = 0; from < clips; from += clipsPerRun) {
        const count = Math.min(clipsPerRun, clips - from)
        const data = pixels.subarray(from * clipBytes, (from + count) * clipBytes)
        results.set(from, await runner.run({ pixels: { data, shape: [count * frames, size, size, 3] } }))
      }
      return results
    },
    release: () => runner.release(),
  }
}

/** Trunk and branch as two graphs: each frame goes through the trunk once; the features of the last `shared` stay for later clips. */
export async function sharingEncoder(
  engine: Engine,
  model: OpenModel,
  frames: number,
  shared: number,
): Promise<ClipEncoder> {
  const { size, width } = model.config.vision
  const rows = featureRows(model)
  const rowLength = rows * width
  const slots = Math.max(2 * frames, Math.min(shared, Math.floor(CACHE_BYTES / (rowLength * 4))))
  const clipsPerRun = Math.max(
    1,
    Math.floor(Math.min(engine.framesPerRun / frames, GATHER_BYTES / (frames * rowLength * 4))),
  )
  const trunk = await engine.compile(trunkGraph(model), model.weights)
  const branch = await engine.compile(branchGraph(model, frames), model.weights)
  const kept = new Array<Float32Array | undefined>(slots)
  const valid = new Uint8Array(slots)
  const gathered = new Float32Array(clipsPerRun * frames * rowLength)
  /** Why features are missing that clips on their way here count on. */
  let failure: unknown

  async function fillSlots(pixels: Uint8Array, fill: Int32Array): Promise<void> {
    const frameBytes = size * size * 3
    for (const slot of fill) valid[slot] = 0
    for (let from = 0; from < fill.length; from += engine.framesPerRun) {
      const count = Math.min(engine.framesPerRun, fill.length - from)
      const data = pixels.subarray(from * frameBytes, (from + count) * frameBytes)
      const { features } = await trunk
        .run({ pixels: { data, shape: [count, size, size, 3] } })
        .catch((error: unknown) => {
          failure = error
          throw error
        })
      for (let n = 0; n < count; n++) {
        const row = (features as Float32Array).subarray(n * rowLength, (n + 1) * rowLength)
        const slot = fill[from + n] as number
        kept[slot] ??= new Float32Array(rowLength)
        kept[slot].set(row)
        valid[slot] = 1
      }
    }
  }

  function gather(use: Int32Array): Float32Array {
    for (const [n, slot] of use.entries()) {
      const row = kept[slot]
      if (row === undefined || valid[slot] === 0)
        throw failure ?? new StanflowError('INTERNAL', `the features of slot ${slot} are not there`)
      gathered.set(row, n * rowLength)
    }
    return gathered.subarray(0, use.length * rowLength)
  }

  return {
    slots,
    async encode({ pixels, clips, slots: plan }) {
      if (plan === undefined) throw new StanflowError('INTERNAL', 'frames came without their slots')
      await fillSlots(pixels, plan.fill)
      const results = new Results(clips, frames, model.config.dim)
      for (let from = 0; from < clips; from += clipsPerRun) {
        const count = Math.min(clipsPerRun, clips - from)
        const data = gather(plan.use.subarray(from * frames, (from + count) * frames))
        results.set(from, await branch.run({ features: { data, shape: [count * frames, rows, width] } }))
      }
      return results
    },
    async release() {
      await trunk.release()
      await branch.release()
    },
  }
}
