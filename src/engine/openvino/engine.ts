import { availableParallelism } from 'node:os'
import { StanflowError } from '../../errors.js'
import type { Engine, EngineModule, LoadRequest } from '../engine.js'
import { withModelFile } from '../onnx/model-file.js'
import { emitterFor, refuseUnfit } from '../onnx/precision.js'
import { capabilities, SharedCore } from './core.js'
import { findLibrary } from './find.js'
import { type Handle, loadLibrary } from './library.js'
import { precisionsOf, probe } from './probe.js'
import { createRunner } from './runner.js'

/** OpenVINO on the processor, by its C library: the same ONNX bytes as onnxruntime gets. */
export const openvino: EngineModule = { open, probe }

async function open(request: LoadRequest): Promise<Engine> {
  refuseOther(request)
  const lib = findLibrary(loadLibrary)
  const shared = new SharedCore(lib)
  const words = capabilities(lib, shared.acquire())
  shared.release()
  refuseUnfit(request, precisionsOf(words))
  const emit = emitterFor(request)
  const properties = compileProperties(request, words.includes('BF16'))
  return {
    name: `OpenVINO ${lib.version} (CPU, ${request.precision})`,
    framesPerRun: 24,
    async compile(graph, weights) {
      const core = shared.acquire()
      let compiled: Handle
      try {
        compiled = await withModelFile(emit, graph, weights, async (file) => {
          const model = lib.take((out) =>
            typeof file === 'string'
              ? lib.readModel(core, file, null, out)
              : lib.readModelFromMemory(core, file, file.length, null, out),
          )
          try {
            return lib.take((out) => lib.compile(core, model, 'CPU', properties, out))
          } finally {
            lib.modelFree(model)
          }
        })
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
export function compileProperties(
  { precision, threads = availableParallelism() }: Pick<LoadRequest, 'precision' | 'threads'>,
  bf16: boolean,
): readonly string[] {
  // With int8, what is not in integers is in bf16 where the processor has it.
  const rest = precision === 'bf16' || (precision === 'int8' && bf16) ? 'bf16' : 'f32'
  return [
    ...['INFERENCE_PRECISION_HINT', rest],
    ...['INFERENCE_NUM_THREADS', String(threads)],
    ...['PERFORMANCE_HINT', 'LATENCY'],
  ]
}

function refuseOther({ device, precision, calibration }: LoadRequest): void {
  if (device !== 'cpu') {
    throw new StanflowError('ENGINE_UNFIT', `openvino computes on the processor, not with ${device}`, {
      hint: 'Use --engine onnx for graphics cards, or --device cpu.',
    })
  }
  if (precision === 'int8' && calibration === undefined) {
    throw new StanflowError('ENGINE_UNFIT', 'openvino has int8 with a calibration only', {
      hint: 'Make one with `stanflow models calibrate` and name it with --calibration, or use --engine onnx.',
    })
  }
}
