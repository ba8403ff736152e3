import { parentPort, workerData } from 'node:worker_threads'
import { asStanflowError, StanflowError } from '../errors.js'
import { canSplit, textGraph } from '../model/graphs.js'
import { type OpenModel, openModel } from '../model/load.js'
import { calibrationDigest } from './calibration/file.js'
import { type ClipEncoder, sharingEncoder, wholeEncoder } from './clip-encoder.js'
import { computedDigest } from './digest.js'
import type { Engine, LoadRequest, ModelInfo } from './engine.js'
import { engineModule } from './open.js'
import type { Answer, Loaded, Question } from './protocol.js'

// Bindings compute on the thread that calls them, so a model has a thread of its own: decoders keep flowing meanwhile.

const TEXT_LENGTH = 32
const TEXT_BATCH = 64
const request = workerData as LoadRequest
const port = parentPort
if (port === null) throw new StanflowError('INTERNAL', 'the model thread runs as a worker thread only')

interface Ready {
  readonly model: OpenModel
  readonly engine: Engine
  readonly encoder: ClipEncoder
}
let ready: Ready | undefined

/** Says what the model is, once it is ready to run. */
async function load(): Promise<Loaded> {
  const model = openModel(request)
  const info = describe(model)
  const engine = await (await engineModule(request.engine)).open(request)
  const { frames, sharedFrames } = request
  const encoder =
    sharedFrames !== undefined && canSplit(model)
      ? await sharingEncoder(engine, model, frames, sharedFrames)
      : await wholeEncoder(engine, model, frames)
  ready = { model, engine, encoder }
  return { info, engine: engine.name, ...(encoder.slots !== undefined && { slots: encoder.slots }) }
}

function describe({
  name,
  structure,
  digest,
  random,
  parameters,
  config,
  scale,
  tokenizer,
}: OpenModel): ModelInfo {
  const { frames, precision, textLength: asked = TEXT_LENGTH } = request
  if (frames > structure.maxFrames) {
    throw new StanflowError(
      'USAGE_INVALID',
      `${structure.name} takes at most ${structure.maxFrames} frames, not ${frames}`,
    )
  }
  return {
    name,
    structure: structure.name,
    digest: computedDigest(digest, precision, calibrationDigest(request, digest)),
    ...(tokenizer.digest !== undefined && { textDigest: `${tokenizer.digest} ${asked}` }),
    textLength: Math.min(asked, config.text.positions),
    random,
    parameters,
    dim: config.dim,
    size: config.vision.size,
    frames,
    precision,
    scale,
  }
}

function loaded(): Ready {
  if (ready === undefined) throw new StanflowError('INTERNAL', 'the model is not loaded')
  return ready
}

async function encodeText(texts: readonly string[], withTokens: boolean): Promise<Omit<Answer, 'id'>> {
  const { model, engine } = loaded()
  const { config, tokenizer } = model
  const tokens = tokenizer.open()
  const limit = Math.min(request.textLength ?? TEXT_LENGTH, config.text.positions)
  const vectors = new Float32Array(texts.length * config.dim)
  const parts = new Float32Array(withTokens ? texts.length * limit * config.dim : 0)
  const lengths = new Int32Array(texts.length)
  let scores: Float32Array | undefined
  const text = await engine.compile(textGraph(model, limit), model.weights)
  try {
    for (let from = 0; from < texts.length; from += TEXT_BATCH) {
      const { ids, eos, count } = tokens.batch(texts.slice(from, from + TEXT_BATCH), limit)
      const output = await text.run({
        ids: { data: ids, shape: [count, limit] },
        eos: { data: eos, shape: [count] },
      })
      vectors.set(output.embedding as Float32Array, from * config.dim)
      if (withTokens) parts.set(output.tokens as Float32Array, from * limit * config.dim)
      if (withTokens && output.scores !== undefined) {
        scores ??= new Float32Array(texts.length * limit)
        scores.set(output.scores, from * limit)
      }
      lengths.set(
        eos.map((end) => end + 1),
        from,
      )
    }
  } finally {
    await text.release()
  }
  return { vectors, parts, lengths, ...(scores && { scores }) }
}

async function answer(question: Question): Promise<Answer> {
  const { id } = question
  try {
    switch (question.kind) {
      case 'load':
        return { id, loaded: await load() }
      case 'video':
        return { id, ...(await loaded().encoder.encode(question)), pixels: question.pixels }
      case 'text':
        return { id, ...(await encodeText(question.texts, question.tokens)) }
      case 'close':
        await ready?.encoder.release()
        return { id }
    }
  } catch (error) {
    const known =
      error instanceof StanflowError
        ? error
        : new StanflowError('ENGINE_FAILED', `${request.engine}: ${asStanflowError(error).message}`)
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
