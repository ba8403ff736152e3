import type { Embedding, Label, LabelledEmbedding, Sampling, Video } from '../domain.js'
import type { StanflowError } from '../errors.js'

/** What produced a set of results; results of different recipes never share a file. */
export interface Recipe {
  readonly modelDigest: string
  readonly dim: number
  readonly sampling: Sampling
  /** What `models/<digest>.json` says for people: name, structure, precision, config. */
  readonly model: Readonly<Record<string, unknown>>
  /** Digest of the labels and prompts, absent when nothing is labelled. */
  readonly labelSetDigest?: string
}

export type ResultFormat = 'parquet' | 'jsonl' | 'npy'

/** What is already there of one video. */
export interface Progress {
  /** Clips `[0, clips)` are stored. */
  readonly clips: number
  readonly done: boolean
}

/** A video, or its rest, that could not be processed. */
export interface DeadLetter {
  readonly source: string
  readonly path: string
  readonly code: string
  readonly message: string
  readonly hint: string
  /** Clips stored before the failure; a retry goes on after them. */
  readonly clipsStored: number
  readonly attempts: number
  /** ISO 8601. */
  readonly firstFailedAt: string
  readonly lastFailedAt: string
}

/**
 * Where results go. Writing is buffered; `checkpoint` makes what was written durable as whole files, and only then
 * do `progress` and a later run see it. Nothing half-written is ever visible under a final name.
 */
export interface ResultStore {
  /** What earlier runs stored of this very content of the video, with this recipe. */
  progress(video: Video): Progress
  /** Takes results in clip order per video; starts a checkpoint by itself when enough has gathered. */
  write(video: Video, results: readonly LabelledEmbedding[]): Promise<void>
  /** The video has exactly `clips` clips, all written. */
  finish(video: Video, clips: number): Promise<void>
  /** The video, or its rest, failed; it is kept for the next run. Answers with what is kept. */
  fail(video: Pick<Video, 'source' | 'path'> & Partial<Video>, error: StanflowError): Promise<DeadLetter>
  checkpoint(): Promise<void>
  /** Checkpoints, writes the dead letters, lets go of the lock. */
  close(): Promise<void>
}

/** Computes labels for stored vectors: what a new label set needs instead of decoding again. */
export type Relabel = (embeddings: readonly Embedding[]) => readonly (readonly Label[])[]
