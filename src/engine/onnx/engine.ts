import { availableParallelism } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { StanflowError } from '../../errors.js'
import type { Engine, EngineModule, EngineReport, HostArray, LoadRequest, Runner } from '../engine.js'
import { emitGraph } from './emitter.js'

/** onnxruntime. */
export const onnx: EngineModule = { open, probe }

async function probe(): Promise<readonly EngineReport[]> {
  return [{ engine: 'onnx', device: 'cpu', available: true, detail: 'onnxruntime', precisions: ['fp32'] }]
}

async function open(request: LoadRequest): Promise<Engine> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: request.threads ?? availableParallelism(),
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Idle threads that spin would take the cores from the decoders.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
  return {
    name: 'onnx (CPU)',
    framesPerRun: 96,
    async compile(graph, weights) {
      let session: InferenceSession
      try {
        session = await InferenceSession.create(emitGraph(graph, weights), options)
      } catch (cause) {
        throw new StanflowError('ENGINE_FAILED', 'onnxruntime did not take the model', { cause })
      }
      return runner(session)
    },
  }
}

function runner(session: InferenceSession): Runner {
  return {
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([name, array]) => [name, tensor(array)])
      const results = await session.run(Object.fromEntries(feeds))
      return Object.fromEntries(
        Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
      )
    },
    release: () => session.release(),
  }
}

function tensor({ data, shape }: HostArray): Tensor {
  if (data instanceof Uint8Array) return new Tensor('uint8', data, shape)
  return data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape)
}
