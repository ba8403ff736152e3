import { once } from 'node:events'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { StanflowError } from '../errors.js'
import { type Ask, correspondence } from './correspondence.js'
import type { ClipPixels, FramePixels, LoadedModel, LoadRequest, VideoVectors } from './engine.js'
import { FrameSlots } from './frame-slots.js'
import { PixelBuffers } from './pixel-buffers.js'
import type { Answer, Loaded } from './protocol.js'

const YOUNG_MB = 6

/**
 * TensorFlow opens and ends its contexts one at a time: it reads the environment of the process and starts and joins
 * thread pools meanwhile, and was seen to hang where two threads did so at once.
 */
let turnOfTensorFlow: Promise<unknown> = Promise.resolve()
function inTurn<T>({ engine }: LoadRequest, work: () => Promise<T>): Promise<T> {
  if (engine !== 'tfjs') return work()
  const turn = turnOfTensorFlow.then(work)
  turnOfTensorFlow = turn.catch(() => undefined)
  return turn
}

/** Loads a model into the engine asked for, in a thread of its own. @throws StanflowError MODEL_*, ENGINE_* */
export const loadOn = (request: LoadRequest): Promise<LoadedModel> => inTurn(request, () => load(request))

async function load(request: LoadRequest): Promise<LoadedModel> {
  const worker = new Worker(new URL('./thread.js', import.meta.url), {
    workerData: request,
    // Native libraries read their settings from the environment of the process, not from a thread's copy of it.
    env: SHARE_ENV,
    // Tensors are freed with the small objects that stand for them: a small young generation is collected often.
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  const ask = correspondence(worker)
  let loaded: Loaded
  try {
    loaded = (await ask({ kind: 'load' })).loaded as Loaded
  } catch (error) {
    await worker.terminate()
    throw error
  }
  const { info } = loaded
  const encode = loaded.slots === undefined ? whole(ask, loaded) : shared(ask, loaded, loaded.slots)
  const work = { asked: 0, computed: 0 }

  async function encodeClips(clips: readonly ClipPixels[]): Promise<VideoVectors[]> {
    for (const { frames } of clips) {
      if (frames.length !== info.frames)
        throw new StanflowError('INTERNAL', `a clip has ${frames.length} frames, not ${info.frames}`)
    }
    const { answers, computed } = encode(clips)
    work.asked += clips.length * info.frames
    work.computed += computed
    const parts = await Promise.all(answers)
    return parts.flatMap((answer) => {
      const frames = rows(answer.parts, info.frames * info.dim)
      const scores = answer.scores && rows(answer.scores, info.frames)
      return rows(answer.vectors, info.dim).map((video, n) => {
        return { video, frames: frames[n] as Float32Array, ...weightsOf(scores?.[n]) }
      })
    })
  }

  return {
    engine: loaded.engine,
    info,
    work,
    encodeClips,
    encodeVideo: async (clips) => (await encodeClips(clips)).map(({ video }) => video),
    async encodeText(texts) {
      return rows((await ask({ kind: 'text', texts, tokens: false })).vectors, info.dim)
    },
    async encodeTokens(texts) {
      const { vectors, parts, lengths, scores } = await ask({ kind: 'text', texts, tokens: true })
      const all = rows(vectors, info.dim)
      const tokens = rows(parts, (parts?.length ?? 0) / texts.length)
      const unweighed = scores && rows(scores, scores.length / texts.length)
      return all.map((text, n) => {
        const length = lengths?.[n] ?? 0
        const own = (tokens[n] as Float32Array).subarray(0, length * info.dim)
        return { text, tokens: own, ...weightsOf(unweighed?.[n]?.subarray(0, length)) }
      })
    },
    close: () =>
      inTurn(request, async () => {
        // Ending the thread while it computes would abort the whole process: it is asked to end once it is through.
        const ended = once(worker, 'exit')
        try {
          await ask({ kind: 'close' })
        } catch {
          return
        }
        worker.ref()
        await ended
      }),
  }
}

/** Pixels have been copied, and the answers are on their way. */
interface Encoding {
  readonly answers: readonly Promise<Answer>[]
  /** Frames that go through CLIP. */
  readonly computed: number
}
type Encode = (clips: readonly ClipPixels[]) => Encoding

/** Every clip goes through the whole model by itself. */
function whole(ask: Ask, { info }: Loaded): Encode {
  const buffers = new PixelBuffers(info.size)
  return (clips) => {
    const pixels = buffers.gather(clips.flatMap(({ frames }) => frames))
    return {
      computed: clips.length * info.frames,
      answers: [buffers.returning(ask({ kind: 'video', pixels, clips: clips.length }, [pixels.buffer]))],
    }
  }
}

/** Frames go through CLIP once, however many clips they are in; the thread keeps their features in slots. */
function shared(ask: Ask, { info }: Loaded, capacity: number): Encode {
  const buffers = new PixelBuffers(info.size)
  const slots = new FrameSlots<FramePixels>(capacity)
  const groupSize = Math.max(1, Math.floor(capacity / info.frames))
  /** Frames that are booked and never sent must not count as known. */
  function gathered(frames: readonly FramePixels[]): Uint8Array<ArrayBuffer> {
    try {
      return buffers.gather(frames)
    } catch (error) {
      slots.clear()
      throw error
    }
  }
  return (clips) => {
    const answers: Promise<Answer>[] = []
    let computed = 0
    for (let from = 0; from < clips.length; from += groupSize) {
      const group = clips.slice(from, from + groupSize)
      const { missing, fill, use } = slots.plan(group.flatMap(({ frames }) => frames))
      const pixels = gathered(missing)
      computed += missing.length
      const question = { kind: 'video', pixels, clips: group.length, slots: { fill, use } } as const
      const answer = buffers.returning(ask(question, [pixels.buffer]))
      // After a failure nobody knows what the slots hold.
      answer.catch(() => slots.clear())
      answers.push(answer)
    }
    return { answers, computed }
  }
}

/** Shares by softmax. */
function weightsOf(scores: Float32Array | undefined): { weights?: Float32Array } {
  if (scores === undefined) return {}
  const top = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - top))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return { weights: powers.map((power) => power / total) }
}

function rows(vectors: Float32Array | undefined, width: number): Float32Array[] {
  if (vectors === undefined) throw new StanflowError('INTERNAL', 'the engine answered without vectors')
  return Array.from({ length: vectors.length / width }, (_, n) =>
    vectors.subarray(n * width, (n + 1) * width),
  )
}
