import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { StanflowError } from '../../errors.js'
import type { ClipPixels, LoadedModel, LoadRequest, ModelInfo } from '../engine.js'
import type { Answer, Question } from './protocol.js'

/** Loads a model into onnxruntime on the CPU. @throws StanflowError MODEL_*, ENGINE_FAILED */
export async function loadOnnx(request: LoadRequest): Promise<LoadedModel> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: request })
  const ask = correspondence(worker)
  let info: ModelInfo
  try {
    info = (await ask({ kind: 'load' })).info as ModelInfo
  } catch (error) {
    await worker.terminate()
    throw error
  }
  const frameBytes = info.size * info.size * 3
  const clipBytes = frameBytes * info.frames
  const spare: ArrayBuffer[] = []

  /** One contiguous `[clips · T, S, S, 3]`, in a buffer that an earlier batch has brought back. */
  const gather = (clips: readonly ClipPixels[]): Uint8Array<ArrayBuffer> => {
    const bytes = clips.length * clipBytes
    const at = spare.findIndex((buffer) => buffer.byteLength === bytes)
    const pixels = new Uint8Array(at < 0 ? new ArrayBuffer(bytes) : (spare.splice(at, 1)[0] as ArrayBuffer))
    for (const [c, { frames }] of clips.entries()) {
      if (frames.length !== info.frames)
        throw new StanflowError('INTERNAL', `a clip has ${frames.length} frames, not ${info.frames}`)
      for (const [t, frame] of frames.entries()) pixels.set(frame.pixels, c * clipBytes + t * frameBytes)
    }
    return pixels
  }

  return {
    engine: 'onnx (CPU)',
    info,
    async encodeVideo(clips) {
      const pixels = gather(clips)
      const answer = await ask({ kind: 'video', pixels, clips: clips.length }, [pixels.buffer])
      if (answer.pixels !== undefined && spare.length < 2) spare.push(answer.pixels.buffer)
      return rows(answer.vectors, info.dim)
    },
    async encodeText(texts) {
      return rows((await ask({ kind: 'text', texts })).vectors, info.dim)
    },
    async close() {
      // Ending the thread while it computes would abort the whole process: it is asked to end once it is through.
      const ended = once(worker, 'exit')
      try {
        await ask({ kind: 'close' })
      } catch {
        return
      }
      worker.ref()
      await ended
    },
  }
}

function rows(vectors: Float32Array | undefined, dim: number): Float32Array[] {
  if (vectors === undefined) throw new StanflowError('INTERNAL', 'the engine answered without vectors')
  return Array.from({ length: vectors.length / dim }, (_, n) => vectors.subarray(n * dim, (n + 1) * dim))
}

type Unnumbered<T> = T extends { id: number } ? Omit<T, 'id'> : never
type Ask = (question: Unnumbered<Question>, transfer?: readonly ArrayBuffer[]) => Promise<Answer>

/** Pairs questions with answers by id; a worker that dies fails them all. */
function correspondence(worker: Worker): Ask {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>()
  let next = 0
  let dead: StanflowError | undefined
  worker.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) worker.unref()
    if (answer.error === undefined) asked?.resolve(answer)
    else
      asked?.reject(new StanflowError(answer.error.code, answer.error.message, { hint: answer.error.hint }))
  })
  const die = (cause: unknown): void => {
    dead ??= cannotLoad(cause)
      ? new StanflowError('ENGINE_MISSING', 'onnxruntime cannot be loaded', { cause })
      : new StanflowError('ENGINE_FAILED', 'the inference thread ended', { cause })
    for (const { reject } of waiting.values()) reject(dead)
    waiting.clear()
  }
  worker.on('error', die)
  void once(worker, 'exit').then(die, die)
  return (question, transfer = []) =>
    new Promise((resolve, reject) => {
      if (dead !== undefined) return reject(dead)
      const id = next++
      waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...question, id }, [...transfer])
    })
}

const cannotLoad = (cause: unknown): boolean =>
  cause instanceof Error &&
  /MODULE_NOT_FOUND|ERR_DLOPEN_FAILED/.test(String((cause as NodeJS.ErrnoException).code))
