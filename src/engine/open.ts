import { asStanflowError, StanflowError } from '../errors.js'
import type { EngineName, OpenEngine } from './engine.js'

/** Engines load when they are asked for: each brings a native library. */
const OPENERS: Readonly<Record<EngineName, () => Promise<OpenEngine>>> = {
  onnx: async () => (await import('./onnx/engine.js')).openOnnx,
}

/** @throws StanflowError ENGINE_MISSING */
export async function engineOpener(name: EngineName): Promise<OpenEngine> {
  try {
    return await OPENERS[name]()
  } catch (cause) {
    const { message } = asStanflowError(cause)
    throw new StanflowError('ENGINE_MISSING', `the engine ${name} cannot be loaded: ${message}`, { cause })
  }
}
