import { asStanflowError, StanflowError } from '../errors.js'
import type { EngineModule, EngineName } from './engine.js'

/** Engines load when they are asked for: each brings a native library. */
const MODULES: Readonly<Partial<Record<EngineName, () => Promise<EngineModule>>>> = {
  onnx: async () => (await import('./onnx/engine.js')).onnx,
  openvino: async () => (await import('./openvino/engine.js')).openvino,
  tfjs: async () => (await import('./tfjs/engine.js')).tfjs,
}

/** @throws StanflowError ENGINE_MISSING */
export async function engineModule(name: EngineName): Promise<EngineModule> {
  try {
    const load = MODULES[name]
    if (load === undefined) throw new Error('it is not part of this version')
    return await load()
  } catch (cause) {
    const { message } = asStanflowError(cause)
    throw new StanflowError('ENGINE_MISSING', `the engine ${name} cannot be loaded: ${message}`, { cause })
  }
}
