import { StanflowError } from '../../errors.js'
import type { Weights } from '../../model/algebra.js'
import type { ModelGraph } from '../../model/graphs.js'
import { openCalibration } from '../calibration/file.js'
import type { LoadRequest } from '../engine.js'
import { calibratedLinear } from './calibrated.js'
import { buildGraph, type EmitOptions, emitGraph } from './emitter.js'
import { HalfEmitter } from './half.js'
import { dynamicLinear } from './int8.js'

/** Writes a graph as an ONNX file. */
export type Emit = (graph: ModelGraph, weights: Weights, options?: Pick<EmitOptions, 'outside'>) => Uint8Array

/**
 * How graphs are written for a precision. bf16 is for the engine to compute in; its graph is float32's.
 * @throws StanflowError CALIBRATION_INVALID
 */
export function emitterFor({ precision, calibration }: Pick<LoadRequest, 'precision' | 'calibration'>): Emit {
  switch (precision) {
    case 'fp32':
    case 'bf16':
      return emitGraph
    case 'fp16':
      return (graph, weights, options) => {
        const g = new HalfEmitter(weights, options)
        return g.emit(graph.name, buildGraph(g, graph))
      }
    case 'int8': {
      const linear =
        calibration === undefined ? dynamicLinear : calibratedLinear(openCalibration(calibration).calibration)
      return (graph, weights, options) => emitGraph(graph, weights, { ...options, linear })
    }
  }
}

/** Refuses what an engine does not compute on this machine, with what it does. @throws StanflowError ENGINE_UNFIT */
export function refuseUnfit(
  { engine, device, precision }: Pick<LoadRequest, 'engine' | 'device' | 'precision'>,
  precisions: readonly string[],
): void {
  if (precisions.includes(precision)) return
  const needs = {
    fp32: '',
    bf16: ' bf16 needs --engine openvino and a processor with AVX512-BF16 or AMX.',
    fp16: ' fp16 needs a graphics card: --engine onnx --device cuda.',
    int8: ' int8 needs a processor: --device cpu.',
  }[precision]
  throw new StanflowError('ENGINE_UNFIT', `${engine} on ${device} has no ${precision} here`, {
    hint: `It has ${precisions.join(', ')}.${needs}`,
  })
}
