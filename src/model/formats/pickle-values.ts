/** Something a builder made. */
export abstract class Made {}

/** A dotted Python name, which nothing has been done with yet. */
export class Global extends Made {
  readonly name: string
  constructor(name: string) {
    super()
    this.name = name
  }
}

export class Tuple extends Made {
  readonly items: readonly Value[]
  constructor(items: readonly Value[]) {
    super()
    this.items = items
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | Made

/** Decides what names and calls in a pickle become. Whatever it does not know, it refuses by throwing. */
export interface Builder {
  global(name: string): Global
  call(callee: Value, args: readonly Value[]): Value
  /** Python's `__setstate__`. */
  build(object: Value, state: Value): void
  persistent(id: Value): Value
}
