import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { asStanflowError, StanflowError } from '../../errors.js'
import { openModel } from '../../model/load.js'
import type { LoadRequest, ModelInfo } from '../engine.js'
import { textGraph, videoGraph } from './graphs.js'
import type { Answer, Question } from './protocol.js'

// The binding computes on the thread that calls it, so it has a thread of its own: decoders keep flowing meanwhile.

const TEXT_LENGTH = 32
const TEXT_BATCH = 64
const request = workerData as LoadRequest
const port = parentPort
if (port === null) throw new StanflowError('INTERNAL', 'the onnx worker runs as a worker thread only')

const options: InferenceSession.SessionOptions = {
  intraOpNumThreads: request.threads ?? availableParallelism(),
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  // Idle threads that spin would take the cores from the decoders.
  extra: { session: { intra_op: { allow_spinning: '0' } } },
}

async function createSession(graph: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(graph, options)
  } catch (cause) {
    throw new StanflowError('ENGINE_FAILED', 'onnxruntime did not take the model', { cause })
  }
}

const model = open()
let session: InferenceSession | undefined

function open(): ReturnType<typeof openModel> | StanflowError {
  try {
    return openModel(request)
  } catch (error) {
    return asStanflowError(error)
  }
}

function opened(): ReturnType<typeof openModel> {
  if (model instanceof StanflowError) throw model
  return model
}

/** Says what the model is, once it is ready to run. */
async function load(): Promise<ModelInfo> {
  const info = describe()
  session = await createSession(videoGraph(opened(), request.frames))
  return info
}

function describe(): ModelInfo {
  const { name, structure, digest, random, parameters, config, scale, tokenizer } = opened()
  if (request.frames > structure.maxFrames) {
    throw new StanflowError(
      'USAGE_INVALID',
      `${structure.name} takes at most ${structure.maxFrames} frames, not ${request.frames}`,
    )
  }
  return {
    name,
    structure: structure.name,
    // Another precision gives other vectors.
    digest: createHash('sha256').update(`${digest} ${request.precision}`).digest('hex'),
    ...(tokenizer.digest !== undefined && { textDigest: `${tokenizer.digest} ${TEXT_LENGTH}` }),
    random,
    parameters,
    dim: config.dim,
    size: config.vision.size,
    frames: request.frames,
    precision: request.precision,
    scale,
  }
}

async function encodeVideo(pixels: Uint8Array, clips: number): Promise<Float32Array> {
  if (session === undefined) throw new StanflowError('INTERNAL', 'the model is not loaded')
  const { size } = opened().config.vision
  const tensor = new Tensor('uint8', pixels, [clips * request.frames, size, size, 3])
  const { embedding } = await session.run({ pixels: tensor })
  return embedding?.data as Float32Array
}

async function encodeText(texts: readonly string[]): Promise<Float32Array> {
  const { config, tokenizer } = opened()
  const tokens = tokenizer.open()
  const vectors = new Float32Array(texts.length * config.dim)
  const limit = Math.min(TEXT_LENGTH, config.text.positions)
  const text = await createSession(textGraph(opened(), limit))
  try {
    for (let from = 0; from < texts.length; from += TEXT_BATCH) {
      const { ids, eos, count } = tokens.batch(texts.slice(from, from + TEXT_BATCH), limit)
      const { embedding } = await text.run({
        ids: new Tensor('int32', ids, [count, limit]),
        eos: new Tensor('int32', eos, [count]),
      })
      vectors.set(embedding?.data as Float32Array, from * config.dim)
    }
  } finally {
    await text.release()
  }
  return vectors
}

async function answer(question: Question): Promise<Answer> {
  const { id } = question
  try {
    switch (question.kind) {
      case 'load':
        return { id, info: await load() }
      case 'video':
        return { id, vectors: await encodeVideo(question.pixels, question.clips), pixels: question.pixels }
      case 'text':
        return { id, vectors: await encodeText(question.texts) }
      case 'close':
        await session?.release()
        return { id }
    }
  } catch (error) {
    const known =
      error instanceof StanflowError
        ? error
        : new StanflowError('ENGINE_FAILED', `onnxruntime: ${asStanflowError(error).message}`)
    return { id, error: { code: known.code, message: known.message, hint: known.hint } }
  }
}

let turn: Promise<void> = Promise.resolve()
port.on('message', (question: Question) => {
  turn = turn.then(async () => {
    const reply = await answer(question)
    port.postMessage(reply, reply.pixels === undefined ? [] : [reply.pixels.buffer])
    if (question.kind === 'close') port.close()
  })
})
