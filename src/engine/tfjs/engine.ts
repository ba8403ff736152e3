import { StanflowError } from '../../errors.js'
import type { Weights } from '../../model/algebra.js'
import type { ModelGraph, Port } from '../../model/graphs.js'
import type { Engine, EngineModule, HostArray, LoadRequest, Runner } from '../engine.js'
import { type Tensor, type TensorWeights, type Tf, TfjsAlgebra } from './algebra.js'
import { buildCommand, installed, loadLibrary, type PackageName } from './library.js'
import { probe } from './probe.js'

/** TensorFlow.js over TensorFlow's native library. */
export const tfjs: EngineModule = { open, probe }

async function open(request: LoadRequest): Promise<Engine> {
  const name = packageFor(request)
  const tf = loadLibrary(name, request)
  const { isUsingGpuDevice, binding } = tf.backend() as unknown as NativeBackend
  if (request.device === 'cuda' && !isUsingGpuDevice) {
    throw new StanflowError('ENGINE_MISSING', 'TensorFlow finds no CUDA card that it can use', {
      hint: `\`nvidia-smi\` must list the card. \`${buildCommand(name)} --cuda\` brings the CUDA libraries.`,
    })
  }
  return {
    name: `tfjs (${isUsingGpuDevice ? `card ${request.deviceId ?? 0}` : 'CPU'}, TensorFlow ${binding.TF_Version})`,
    framesPerRun: 48,
    async compile(graph, weights) {
      const runner = makeRunner(tf, graph, weights)
      // Weights go up and kernels are made ready now, not while the first clips wait.
      await runner.run(
        Object.fromEntries(graph.inputs.map((port) => [port.name, zeros(port, request.frames)])),
      )
      return runner
    },
  }
}

interface NativeBackend {
  readonly isUsingGpuDevice: boolean
  readonly binding: { readonly TF_Version: string }
}

/** The package with CUDA also computes on the processor, where it is the only one that was built. */
function packageFor({ device, precision }: LoadRequest): PackageName {
  if (precision !== 'fp32')
    throw new StanflowError('ENGINE_UNFIT', `tfjs computes in fp32 only, not in ${precision}`)
  if (device === 'tensorrt') throw new StanflowError('ENGINE_UNFIT', 'tfjs does not know TensorRT')
  const both = '@tensorflow/tfjs-node-gpu'
  const plain = '@tensorflow/tfjs-node'
  if (device === 'cuda') return both
  return installed(plain) === undefined && installed(both) !== undefined ? both : plain
}

/** Runs a graph step by step. Nothing but the weights stays in memory between runs. */
function makeRunner(tf: Tf, graph: ModelGraph, weights: Weights): Runner {
  const uploaded = new Map<string, Tensor>()
  const tensors: TensorWeights = {
    has: (name) => weights.names.has(name),
    get(name) {
      const known = uploaded.get(name)
      if (known !== undefined) return known
      const { shape, data } = weights.read(name)
      const tensor = tf.keep(tf.tensor(data, [...shape], 'float32'))
      uploaded.set(name, tensor)
      return tensor
    },
  }
  const g = new TfjsAlgebra(tf, tensors)
  return {
    async run(inputs) {
      const results = tf.tidy(() => {
        const given = Object.entries(inputs).map(([name, array]) => [name, upload(tf, array)])
        return { ...graph.build(g, Object.fromEntries(given)) }
      })
      const read = Object.entries(results).map(async ([name, tensor]) => [name, await tensor.data()] as const)
      const outputs = Object.fromEntries(await Promise.all(read)) as Record<string, Float32Array>
      tf.dispose(results)
      return outputs
    },
    async release() {
      tf.dispose([...uploaded.values()])
      uploaded.clear()
    },
  }
}

/** Pixels as float32 at once: the library has no uint8. */
function upload(tf: Tf, { data, shape }: HostArray): Tensor {
  if (data instanceof Int32Array) return tf.tensor(data, [...shape], 'int32')
  return tf.tensor(data instanceof Float32Array ? data : new Float32Array(data), [...shape], 'float32')
}

function zeros({ type, shape }: Port, frames: number): HostArray {
  const sides = shape.map((side) => (typeof side === 'number' ? side : side === 'frames' ? frames : 1))
  const count = sides.reduce((product, side) => product * side, 1)
  return { shape: sides, data: type === 'int32' ? new Int32Array(count) : new Float32Array(count) }
}
