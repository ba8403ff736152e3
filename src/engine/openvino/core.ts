import type { Handle, OpenvinoLibrary } from './library.js'

/** OpenVINO's core with its plugins and threads: there while something uses it. */
export class SharedCore {
  readonly #lib: OpenvinoLibrary
  #core: Handle | undefined
  #users = 0

  constructor(lib: OpenvinoLibrary) {
    this.#lib = lib
  }

  acquire(): Handle {
    this.#core ??= this.#lib.take(this.#lib.coreCreate)
    this.#users++
    return this.#core
  }

  release(): void {
    if (--this.#users > 0 || this.#core === undefined) return
    this.#lib.coreFree(this.#core)
    this.#core = undefined
  }
}

/** What the processor computes in, in OpenVINO's words: `FP32`, `BF16`, `INT8`… */
export function capabilities(lib: OpenvinoLibrary, core: Handle): readonly string[] {
  const said = lib.text((out) => lib.coreProperty(core, 'CPU', 'OPTIMIZATION_CAPABILITIES', out))
  return said.split(/[\s,]+/).filter((word) => word !== '')
}
