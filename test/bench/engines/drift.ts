import { measureDrift } from '../../../src/engine/drift.js'
import type { ClipPixels, EngineName, LoadRequest, Precision } from '../../../src/engine/engine.js'
import { loadOn } from '../../../src/engine/host.js'
import { openModel } from '../../../src/model/load.js'
import { table } from '../table.js'
import { pictures } from './work.js'

const CLIPS = 8
const WAYS: readonly (readonly [EngineName, Precision])[] = [
  ['openvino', 'fp32'],
  ['openvino', 'bf16'],
  ['onnx', 'int8'],
  ['openvino', 'int8'],
]

/** Clips of drawn pictures, all different. */
export function drawnClips(model: string, T: number, count = CLIPS): readonly ClipPixels[] {
  const { size } = openModel({ model, structure: 'auto' }).config.vision
  const bytes = size * size * 3
  return Array.from({ length: count }, (_, seed) => {
    const data = pictures(T, size, seed + 2)
    return {
      frames: Array.from({ length: T }, (_, t) => ({ pixels: data.subarray(t * bytes, (t + 1) * bytes) })),
    }
  })
}

/** How far each precision is from fp32 on onnxruntime. */
export async function drifts(model: string, T: number, calibration: string): Promise<string> {
  const clips = drawnClips(model, T)
  const request: LoadRequest = {
    ...{ engine: 'onnx', device: 'cpu', precision: 'fp32', model, structure: 'auto', frames: T },
  }
  const reference = await loadOn(request)
  const rows = []
  for (const [engine, precision] of WAYS) {
    const calibrated = engine === 'openvino' && precision === 'int8'
    const other = await loadOn({ ...request, engine, precision, ...(calibrated && { calibration }) })
    const { median, min } = await measureDrift(reference, other, clips)
    await other.close()
    const name = calibrated ? 'int8 calibrated' : precision
    rows.push({ engine, precision: name, clips: CLIPS, median: median.toFixed(5), least: min.toFixed(5) })
  }
  await reference.close()
  return table(rows)
}
