import type { Engine, EngineName, LoadRequest, Precision, Runner } from '../../../src/engine/engine.js'
import { engineModule } from '../../../src/engine/open.js'
import { trunkGraph, videoGraph } from '../../../src/model/graphs.js'
import type { OpenModel } from '../../../src/model/load.js'
import type { Times } from './peer.js'
import { gemm, pictures } from './work.js'

/** A way to compute, loaded and warm. */
export interface Variant {
  readonly engine: string
  readonly precision: string
  /** Frames through CLIP; whole clips, branch included. */
  run(kind: 'trunk' | 'video', clips: number): Promise<Times>
  /** The matrix products of the peak. */
  gemm?: () => Promise<Times>
  close(): Promise<void>
}

export interface VariantOptions {
  readonly engine: EngineName
  readonly precision: Precision
  readonly calibration?: string
  readonly gemmCalibration?: string
}

export async function openVariant(
  model: OpenModel,
  frames: number,
  { engine, precision, calibration, gemmCalibration }: VariantOptions,
): Promise<Variant> {
  const request: LoadRequest = {
    ...{ engine, precision, frames, model: model.name, structure: model.structure.name, device: 'cpu' },
  }
  const open = async (ranges?: string): Promise<Engine> =>
    (await engineModule(engine)).open({ ...request, ...(ranges !== undefined && { calibration: ranges }) })
  const opened = await open(calibration)
  const runners = {
    trunk: await opened.compile(trunkGraph(model), model.weights),
    video: await opened.compile(videoGraph(model, frames), model.weights),
    gemm: await (await open(gemmCalibration)).compile(gemm.graph, gemm.weights),
  }
  const { size } = model.config.vision
  const pixels = new Map<number, Uint8Array>()
  return {
    engine,
    precision:
      precision === 'int8' ? `int8 ${calibration === undefined ? 'dynamic' : 'calibrated'}` : precision,
    run(kind, clips) {
      const data = pixels.get(clips) ?? pictures(clips * frames, size)
      pixels.set(clips, data)
      return timed(runners[kind], { pixels: { data, shape: [clips * frames, size, size, 3] } })
    },
    gemm: () => timed(runners.gemm, { x: gemm.input }),
    async close() {
      for (const runner of Object.values(runners)) await runner.release()
    },
  }
}

async function timed(runner: Runner, inputs: Parameters<Runner['run']>[0]): Promise<Times> {
  const [start, before] = [performance.now(), process.cpuUsage()]
  await runner.run(inputs)
  const { user, system } = process.cpuUsage(before)
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}
