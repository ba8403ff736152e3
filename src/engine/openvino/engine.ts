import { availableParallelism } from 'node:os'
import { StanflowError } from '../../errors.js'
import type { Engine, EngineModule, LoadRequest, Precision } from '../engine.js'
import { emitGraph } from '../onnx/emitter.js'
import { capabilities, SharedCore } from './core.js'
import { findLibrary } from './find.js'
import { type Handle, loadLibrary } from './library.js'
import { precisionsOf, probe } from './probe.js'
import { createRunner } from './runner.js'

/** OpenVINO on the processor, by its C library: the same ONNX bytes as onnxruntime gets. */
export const openvino: EngineModule = { open, probe }

async function open(request: LoadRequest): Promise<Engine> {
  const lib = findLibrary(loadLibrary)
  const shared = new SharedCore(lib)
  const core = shared.acquire()
  try {
    refuseUnfit(request, precisionsOf(capabilities(lib, core)))
  } finally {
    shared.release()
  }
  const properties = compileProperties(request)
  return {
    name: `OpenVINO ${lib.version} (CPU, ${request.precision})`,
    framesPerRun: 24,
    async compile(graph, weights) {
      const core = shared.acquire()
      let compiled: Handle
      try {
        const bytes = emitGraph(graph, weights)
        const model = lib.take((out) => lib.readModelFromMemory(core, bytes, bytes.length, null, out))
        try {
          compiled = lib.take((out) => lib.compile(core, model, 'CPU', properties, out))
        } finally {
          lib.modelFree(model)
        }
      } catch (error) {
        shared.release()
        throw error
      }
      const names = graph.outputs.map(({ name }) => name)
      const runner = createRunner(lib, compiled, names)
      return {
        run: runner.run,
        async release() {
          await runner.release()
          shared.release()
        },
      }
    },
  }
}

/** One request at a time with all cores: batches are large enough to keep them busy. */
export function compileProperties({
  precision,
  threads = availableParallelism(),
}: Pick<LoadRequest, 'precision' | 'threads'>): readonly string[] {
  return [
    ...['INFERENCE_PRECISION_HINT', precision === 'fp32' ? 'f32' : 'bf16'],
    ...['INFERENCE_NUM_THREADS', String(threads)],
    ...['PERFORMANCE_HINT', 'LATENCY'],
  ]
}

function refuseUnfit({ device, precision }: LoadRequest, precisions: readonly Precision[]): void {
  if (device !== 'cpu') {
    throw new StanflowError('ENGINE_UNFIT', `openvino computes on the processor, not with ${device}`, {
      hint: 'Use --engine onnx for graphics cards, or --device cpu.',
    })
  }
  if (!precisions.includes(precision)) {
    throw new StanflowError('ENGINE_UNFIT', `openvino on this processor has no ${precision}`, {
      hint: `It has ${precisions.join(', ')}. bf16 needs a processor with AVX512-BF16 or AMX.`,
    })
  }
}
