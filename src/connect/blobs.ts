/**
 * A tree of whole files under one place: a folder, or a prefix in a bucket. Names are relative, with forward slashes.
 * Every method throws StanflowError OUTPUT_* or S3_*.
 */
export interface Blobs {
  /** As people know it: the folder's path, or `s3://bucket/prefix`. */
  readonly location: string
  /** A name's own path or URI, for messages. */
  at(name: string): string
  /** Makes the place ready to be written to. */
  open(): Promise<void>
  /** `undefined` where there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Stores a file whole or not at all, in place of one of that name. */
  write(name: string, bytes: Uint8Array | string): Promise<void>
  /** The same, unless there is one of that name already: then nothing changes and the answer is false. */
  create(name: string, bytes: Uint8Array | string): Promise<boolean>
  /** It may be gone already. */
  remove(name: string): Promise<void>
  /** Every name below a folder, in no order; unfinished files do not show. */
  list(folder: string): AsyncIterable<string>
  /** Names at the top that begin with `prefix`. */
  names(prefix: string): Promise<readonly string[]>
  /** Removes what writes that were ended by force left, under no name of theirs. Nobody else may be writing. */
  sweep(): Promise<number>
  /**
   * Makes this process the only one that holds `name`. A holder that is dead is replaced.
   * @throws StanflowError OUTPUT_LOCKED naming the holder
   */
  lock(name: string, run: string): Promise<Lock>
  /** The runs that hold a name that begins with `prefix` and live, or may. */
  holders(prefix: string): Promise<readonly Held[]>
}

/** One writer at a time. */
export interface Lock {
  /** @throws StanflowError OUTPUT_LOCKED when another process took it over */
  assertHeld(): Promise<void>
  release(): Promise<void>
}

export interface Held {
  readonly name: string
  /** Id of the run. */
  readonly run: string
  /** Who and since when, as a sentence says it. */
  readonly who: string
}
