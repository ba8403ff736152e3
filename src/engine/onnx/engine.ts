import { InferenceSession, Tensor } from 'onnxruntime-node'
import { StanflowError } from '../../errors.js'
import type { Engine, EngineModule, HostArray, LoadRequest, Runner } from '../engine.js'
import { withModelFile } from './model-file.js'
import { emitterFor, refuseUnfit } from './precision.js'
import { installed, ONNX_PRECISIONS, reports, sessionOptions, tensorrtEnvironment } from './providers.js'

/** onnxruntime: on the processor, or on an NVIDIA card through CUDA or TensorRT. */
export const onnx: EngineModule = { open, probe: async () => reports(installed()) }

async function open(request: LoadRequest): Promise<Engine> {
  const { device, precision } = request
  refuseUnfit(request, ONNX_PRECISIONS[device])
  const report = reports(installed()).find((row) => row.device === device)
  if (report?.available === false)
    throw new StanflowError('ENGINE_MISSING', report.detail, { hint: report.hint ?? '' })
  if (device === 'tensorrt') Object.assign(process.env, tensorrtEnvironment())
  const emit = emitterFor(request)
  const options = sessionOptions(request)
  return {
    name: `${report?.detail} (${device === 'cpu' ? 'CPU' : device}, ${precision})`,
    framesPerRun: 96,
    async compile(graph, weights) {
      let session: InferenceSession
      try {
        session = await withModelFile(emit, graph, weights, (file) =>
          // A path and bytes are two signatures of one function.
          typeof file === 'string'
            ? InferenceSession.create(file, options)
            : InferenceSession.create(file, options),
        )
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
