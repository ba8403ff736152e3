import type { Failure } from './protocol.js'

/** What went wrong in the decoder process, in a form that travels. */
export class Failed extends Error {
  readonly stage: Failure['stage']

  constructor(stage: Failure['stage'], detail: string) {
    super(detail)
    this.stage = stage
  }
}
